/** A log of SQLite becomes one of PostgreSQL: everything that is read of it is the same, and it goes on where it was. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { newId } from '@travessia/schemas/ids'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { append, event } from './conformance-events.ts'
import type { EventStore, NewEvent } from './event-store.ts'
import { leafOf } from './event-text.ts'
import { moveLog } from './move-log.ts'
import { appendMore, readAllOf, writeSome } from './older-log.fixture.ts'
import { openLog } from './open-log.ts'
import { type PostgresServer, startPostgres } from './postgres.fixture.ts'
import { createSqliteStore } from './sqlite.ts'

const log = pino({ level: 'silent' })
const directory = mkdtempSync(join(tmpdir(), 'travessia-move-'))
let server: PostgresServer
let logs = 0

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server?.remove()
  rmSync(directory, { recursive: true, force: true })
})

/** A file of its own. */
function newFile(): string {
  logs += 1
  return join(mkdtempSync(join(directory, `${logs}-`)), 'events.db')
}

async function written(path: string) {
  const store = await createSqliteStore(path)
  const some = await writeSome(store)
  const { tenantId } = some.people
  await store.evidence.expire(some.expiry)
  const at = new Date().toISOString()
  const root = Buffer.alloc(32, 7)
  await store.evidence.keep([{ tenantId, size: 5, root, note: 'signed\nnote', at }])
  const line = { tenantId, agentId: newId(), size: 5, line: 'agent', key: 'key', at }
  await store.evidence.keepCosignature(line)
  const read = await readOf(store, some)
  await store.close()
  return { some, read }
}

async function readOf(store: EventStore, some: Awaited<ReturnType<typeof writeSome>>) {
  const { tenantId } = some.people
  const { evidence } = store
  return {
    ...(await readAllOf(store, some)),
    checkpoint: await evidence.newestCheckpoint(tenantId),
    cosignatures: await evidence.cosignatures(tenantId, 10),
  }
}

async function opened<T>(
  place: { path: string; url: string },
  use: (store: EventStore) => T,
  told = log,
) {
  const DATA_DIR = join(place.path, '..')
  const store = await openLog({ DATA_DIR, DATABASE_URL: place.url }, told)
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

const waiting = `from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`

/** It has written nearly all and waits for a lock. */
async function waitingMove(place: { path: string; url: string }) {
  // Its tables are there before it.
  await opened({ ...place, path: newFile() }, () => undefined)
  const lock = new pg.Client({ connectionString: place.url })
  lock.on('error', () => undefined)
  await lock.connect()
  await lock.query('begin; lock table cosignature in share mode')
  const moved = moveLog({ ...place, log })
  moved.catch(() => undefined)
  while ((await server.run(`select pid ${waiting}`, place.url)).length === 0) await sleep(20)
  return { lock, moved }
}

test('every list, stream, tree, signature and expired leaf is the same, and it goes on where it was', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  const { some, read } = await written(place.path)
  await expect(opened(place, () => undefined)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    details: { problems: [expect.stringContaining('npm run move-log')] },
  })
  const { events, kept } = await moveLog({ ...place, log })
  expect(events).toBe(read.whole.length)
  expect([existsSync(place.path), existsSync(kept)]).toEqual([false, true])
  await opened(place, async (store) => {
    expect(await readOf(store, some)).toEqual(read)
    expect(await appendMore(store)).toBe(read.head + 1)
    // Its ids and those of a new customer are not each other's.
    const other = append()
    expect(await store.append(other)).toEqual({ position: read.head + 2, version: 1 })
    expect(await store.readTenant(other.tenantId, 0, 10)).toHaveLength(1)
    const last = read.whole.at(-1)
    const { tenantId = '', streamId = '', streamKind = 'access' } = last ?? {}
    const again = { tenantId, streamId, streamKind, expected: 0, events: [event()] }
    await expect(store.append(again)).rejects.toMatchObject({ code: 'CONFLICT' })
    // The proof that an expired leaf needs is asked for again.
    const [, first] = await store.readTenant(other.tenantId, 0, 10)
    expect(first).toBeUndefined()
    const unproven = { tenantId: other.tenantId, appliedPosition: 1, first: 1, last: read.head + 2 }
    await expect(store.evidence.expire(unproven)).rejects.toThrow()
  })
})

test('a database that has a log is not written to', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  await opened({ ...place, path: newFile() }, (store) => store.append(append()))
  await written(place.path)
  await expect(moveLog({ ...place, log })).rejects.toThrow('has a log already')
  expect(existsSync(place.path)).toBe(true)
  expect(await opened({ ...place, path: newFile() }, (store) => store.head())).toBe(1)
})

test('a log that a node uses is not moved, and none is made where there is none', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  await expect(moveLog({ ...place, log })).rejects.toThrow('no events.db')
  expect(existsSync(place.path)).toBe(false)
  const store = await createSqliteStore(place.path)
  await store.append(append())
  await expect(moveLog({ ...place, log })).rejects.toThrow('stop it first')
  await store.close()
})

test('a log whose first events have times that are none moves', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  const store = await createSqliteStore(place.path)
  const wrongClock = { ...event(), at: '0000-01-01T00:00:00.000Z' }
  const { tenantId, streamId } = append()
  const first = { ...append({ streamKind: 'passage' }), tenantId, streamId, events: [wrongClock] }
  await store.append(first)
  await store.append(append())
  const read = await store.readAll(0, 10)
  await store.close()
  // As versions before this one let it in.
  const body = JSON.stringify({ ...read[1], at: '2016-12-31T23:59:60.000Z' })
  const file = new DatabaseSync(place.path)
  file.exec('drop trigger event_is_never_changed')
  file
    .prepare('update event set body = ?, leaf_hash = ? where position = 2')
    .run(body, leafOf(body))
  file.close()
  expect((await moveLog({ ...place, log })).events).toBe(2)
  await opened(place, async (moved) => {
    const whole = await moved.readAll(0, 10)
    expect(whole.map(({ at }) => at)).toEqual([wrongClock.at, '2016-12-31T23:59:60.000Z'])
  })
  const month = new Date().toISOString().slice(0, 7)
  expect(await server.run('select bucket::text from stream order by 1', place.url)).toEqual([
    { bucket: '0001-01-01' },
    { bucket: `${month}-01` },
  ])
})

test('nobody opens the file until it has its other name, and what is kept stands by itself', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  const { read } = await written(place.path)
  const { lock, moved } = await waitingMove(place)
  const opening = new DatabaseSync(place.path, { timeout: 0 })
  expect(() => opening.prepare('select 1 from event').get()).toThrow('locked')
  opening.close()
  await lock.query('rollback')
  await lock.end()
  const { kept } = await moved
  const file = new DatabaseSync(kept)
  expect(file.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'delete' })
  file.close()
  const copy = newFile()
  copyFileSync(kept, copy)
  const store = await createSqliteStore(copy)
  expect(await store.readAll(0, 1_000_000)).toEqual(read.whole)
  await store.close()
})

test('a file that was kept before is not lost', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  await written(place.path)
  writeFileSync(`${place.path}.moved`, 'an older log')
  await expect(moveLog({ ...place, log })).rejects.toThrow('is there already')
  expect(await opened({ ...place, path: newFile() }, (store) => store.head())).toBe(0)
})

test('without the address of its database a node whose log was moved does not start', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  await written(place.path)
  await moveLog({ ...place, log })
  await expect(opened({ ...place, url: '' }, () => undefined)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    details: { problems: [expect.stringContaining('TRAVESSIA_DATABASE_URL')] },
  })
  expect(existsSync(place.path)).toBe(false)
})

test('killed after its commit it is ended by the next one, unless the file has gone on', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  const { some, read } = await written(place.path)
  const { kept } = await moveLog({ ...place, log })
  copyFileSync(kept, place.path)
  rmSync(kept)
  expect(await moveLog({ ...place, log })).toEqual({ events: read.whole.length, kept })
  expect(await opened(place, (store) => readOf(store, some))).toEqual(read)
  copyFileSync(kept, place.path)
  rmSync(kept)
  const store = await createSqliteStore(place.path)
  await appendMore(store)
  await store.close()
  await expect(moveLog({ ...place, log })).rejects.toThrow('has a log already')
  expect(existsSync(place.path)).toBe(true)
})

test.each(['has', 'has not'])(
  'killed at its commit, which the database %s done, it is ended by the next one, and no node begins on the file',
  async (done) => {
    const place = { path: newFile(), url: await server.newDatabase() }
    const { some, read } = await written(place.path)
    await opened({ ...place, path: newFile() }, () => undefined)
    await server.run(
      `create function wait_here() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(1); return null; end $$;
     create constraint trigger held after update on log_head deferrable initially deferred for each row execute function wait_here()`,
      place.url,
    )
    const lock = new pg.Client({ connectionString: place.url })
    await lock.connect()
    await lock.query('select pg_advisory_lock(1)')
    const env = { TRAVESSIA_DATA_DIR: join(place.path, '..'), TRAVESSIA_DATABASE_URL: place.url }
    const program = join(import.meta.dirname, '../../../scripts/move-log.ts')
    const mover = spawn(process.execPath, [program], { env: { ...process.env, ...env } })
    await expect.poll(() => server.run(`select pid ${waiting}`, place.url)).toHaveLength(1)
    mover.kill('SIGKILL')
    await once(mover, 'exit')
    if (done === 'has not') await lock.query(`select pg_terminate_backend(pid) ${waiting}`)
    await lock.end()
    await expect
      .poll(() =>
        server.run(
          `select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
          place.url,
        ),
      )
      .toEqual([])
    const [{ head } = {}] = await server.run(
      'select next_position::int - 1 as head from log_head',
      place.url,
    )
    expect(head).toBe(done === 'has' ? read.head : 0)
    await expect(opened({ ...place, url: '' }, () => undefined)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      details: { problems: [expect.stringContaining('take events.db.moved away')] },
    })
    await moveLog({ ...place, log })
    expect(await opened(place, (store) => readOf(store, some))).toEqual(read)
  },
)

test('beside the file of a move that was not ended a node warns, and refuses once the file has gone on', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  await written(place.path)
  const { kept } = await moveLog({ ...place, log })
  const warned: string[] = []
  const told = pino({ level: 'warn' }, { write: (line: string) => void warned.push(line) })
  await opened(place, (store) => appendMore(store), told)
  expect(warned).toEqual([])
  copyFileSync(kept, place.path)
  await opened(place, (store) => appendMore(store), told)
  expect(warned).toEqual([expect.stringContaining('`npm run move-log` ends it')])
  const store = await createSqliteStore(place.path)
  await appendMore(store)
  await store.close()
  await expect(opened(place, () => undefined)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    details: { problems: [expect.stringContaining('Two logs are not joined')] },
  })
})

test('a move that was not ended is no second log when a retention has let go of its last event since', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  const file = await createSqliteStore(place.path)
  const old = append({ events: [event({ at: '2025-01-10T10:00:00.000Z' })] })
  await file.append(old)
  await file.close()
  const { kept } = await moveLog({ ...place, log })
  const { tenantId } = old
  const until = '2025-02-01T00:00:00.000Z'
  const data = { days: 30, until, events: 1, spans: [[0, 0, 1, 1]] }
  const changed = { ...event(), type: 'RetentionChanged', data: { days: 30 } } as NewEvent
  const applied = { ...event(), type: 'RetentionApplied', data } as NewEvent
  const fact = append({ tenantId, streamKind: 'retention', events: [changed, applied] })
  await opened(place, async (store) => {
    const { position: appliedPosition } = await store.append(fact)
    await store.evidence.expire({ tenantId, appliedPosition, first: 1, last: 1 })
  })
  copyFileSync(kept, place.path)
  await opened(place, (store) => expect(store.readAll(0, 10)).resolves.toHaveLength(2))
  rmSync(kept)
  expect(await moveLog({ ...place, log })).toEqual({ events: 1, kept })
})

test('broken off before its commit it has moved nothing, and can be done again', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  const { some, read } = await written(place.path)
  const empty = { path: newFile(), url: place.url }
  expect(await opened(empty, (store) => store.head())).toBe(0)
  const { lock, moved } = await waitingMove(place)
  const ended = expect(moved).rejects.toThrow('terminating connection')
  await lock.query(`select pg_terminate_backend(pid) ${waiting}`)
  await ended
  await lock.end()
  expect(await opened(empty, (store) => store.head())).toBe(0)
  await moveLog({ ...place, log })
  expect(await opened(place, (store) => readOf(store, some))).toEqual(read)
})
