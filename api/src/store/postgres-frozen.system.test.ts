import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { append } from './conformance-events.ts'
import { requireDense } from './conformance-interleaving.ts'
import { problemsOf } from './crash.fixture.ts'
import { type PostgresServer, startPostgres } from './postgres.fixture.ts'
import { createPostgresStore } from './postgres.ts'

const waiting = `select from pg_locks where locktype = 'advisory' and objid = 1 and not granted`
let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.remove())

/** Stopped while it waits for an answer in the middle of a transaction, behind the lock. @returns what keeps that answer back */
async function freeze(node: ChildProcess, url: string): Promise<pg.Client> {
  const held = new pg.Client({ connectionString: url })
  await held.connect()
  await held.query(
    `select pg_advisory_lock(1);
     create function wait_here() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
     create trigger held before insert on ref for each statement execute function wait_here()`,
  )
  await expect.poll(() => server.run(waiting, url)).toHaveLength(1)
  node.kill('SIGSTOP')
  return held
}

test('a node that is frozen behind the lock of the log holds another one up for seconds, which refuses and then goes on; awake, it is refused what it had begun', async () => {
  const url = await server.newDatabase()
  const store = await createPostgresStore(url, pino({ level: 'silent' }))
  const program = join(import.meta.dirname, 'crash-writer.fixture.ts')
  const node = spawn(process.execPath, [program, url], { stdio: ['ignore', 'pipe', 'ignore'] })
  const acknowledged: string[] = []
  createInterface({ input: node.stdout }).on('line', (line) => acknowledged.push(line))
  try {
    await expect.poll(() => acknowledged.length).toBeGreaterThan(50)
    const held = await freeze(node, url)
    const begun = performance.now()
    const several = [append(), append(), append()].map((one) => store.append(one))
    await held.end()
    const refused = (await Promise.allSettled(several)).map(({ status }) => status)
    expect(refused).toEqual(['rejected', 'rejected', 'rejected'])
    const goesOn = () =>
      store.append(append()).then(
        () => true,
        () => false,
      )
    await expect.poll(goesOn, { timeout: 20_000 }).toBe(true)
    expect(performance.now() - begun).toBeLessThan(30_000)
    // What it had begun is refused when it wakes, and this program ends at the first refusal.
    const ended = once(node, 'close')
    node.kill('SIGCONT')
    expect(await ended).toEqual([1, null])
    expect(await problemsOf(store, { acknowledged, refused: [] })).toEqual([])
    requireDense(await store.readAll(0, 1_000_000))
  } finally {
    node.kill('SIGKILL')
    await store.close()
  }
}, 90_000)
