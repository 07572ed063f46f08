/**
 * `npm run torture -- store`: kills whoever writes the log, round after round, and compares the log with what was
 * acknowledged. SQLite: kill -9 of the writer. PostgreSQL: that, and in each fourth round kill -9 of the server itself.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { endWithUsage, readArguments } from '../../api/src/command-line.ts'
import {
  type Ledger,
  problemsOf,
  writeAndKill,
  writeDuring,
} from '../../api/src/store/crash.fixture.ts'
import type { EventStore } from '../../api/src/store/event-store.ts'
import { type PostgresServer, startPostgres } from '../../api/src/store/postgres.fixture.ts'
import { createPostgresStore } from '../../api/src/store/postgres.ts'
import { createSqliteStore } from '../../api/src/store/sqlite.ts'

const comparesEvery = 10
const killsServerEvery = 4
const shownProblems = 5
const engines = ['sqlite', 'postgres'] as const
const usage =
  'Usage: npm run torture -- store [--rounds N] [--engine sqlite|postgres] [--seed S] [--report FILE]'

type Engine = (typeof engines)[number]
type Result = {
  readonly engine: Engine
  readonly acknowledged: number
  readonly refused: number
  /** How long it took from a kill until the log could be read again; milliseconds, ascending. */
  readonly reopenMs: number[]
  readonly problems: string[]
}

const { values } = readArguments(usage, {
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '200' },
    engine: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    report: { type: 'string' },
  },
})
const [rounds, seed] = [Number(values.rounds), Number(values.seed)]
const wanted = engines.filter((engine) => values.engine === undefined || engine === values.engine)
if (!(rounds >= 1 && Number.isInteger(rounds) && Number.isInteger(seed)) || wanted.length === 0)
  endWithUsage(usage)

const log = pino({ level: 'silent' })
const begun = performance.now()
console.log(`Torture of the store, seed ${seed}: ${rounds} rounds on ${wanted.join(' and ')}`)
const results: Result[] = []
for (const engine of wanted)
  results.push(engine === 'sqlite' ? await tortureSqlite() : await torturePostgres())
report()

async function tortureSqlite(): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-torture-'))
  const target = join(directory, 'events.db')
  const open = () => createSqliteStore(target)
  const result = await torture({ engine: 'sqlite', target, open })
  rmSync(directory, { recursive: true, force: true })
  return result
}

async function torturePostgres(): Promise<Result> {
  const server = await startPostgres(tmpdir())
  try {
    const target = await server.newDatabase()
    const open = () => createPostgresStore(target, log)
    return await torture({ engine: 'postgres', target, open, server })
  } finally {
    await server.remove()
  }
}

type Victim = {
  readonly engine: Engine
  /** What the writer in a process of its own is given. */
  readonly target: string
  readonly open: () => Promise<EventStore>
  readonly server?: PostgresServer
}

async function torture({ engine, target, open, server }: Victim): Promise<Result> {
  const ledger: Ledger = { acknowledged: [], refused: [] }
  const reopenMs: number[] = []
  const problems: string[] = []
  for (let round = 1; round <= rounds; round += 1) {
    // Another number each round, the same ones for the same seed.
    const lines = 10 + ((round * 7919 + seed) % 150)
    if (server && round % killsServerEvery === 0) {
      const more = await killServer(server, open)
      ledger.acknowledged.push(...more.acknowledged)
      ledger.refused.push(...more.refused)
    } else ledger.acknowledged.push(...(await writeAndKill(target, lines)))
    const killed = performance.now()
    const store = await open()
    await store.head()
    reopenMs.push(performance.now() - killed)
    if (round % comparesEvery === 0 || round === rounds) {
      problems.push(...(await problemsOf(store, ledger)))
      const many = `${ledger.acknowledged.length} acknowledged, ${ledger.refused.length} refused`
      console.log(`  ${engine} ${round}/${rounds}  ${many}, ${problems.length} wrong`)
    }
    await store.close()
  }
  const { acknowledged, refused } = ledger
  reopenMs.sort((a, b) => a - b)
  const counts = { acknowledged: acknowledged.length, refused: refused.length }
  return { engine, ...counts, reopenMs, problems }
}

/** While a store that stays writes through the crash and the recovery. */
async function killServer(server: PostgresServer, open: () => Promise<EventStore>) {
  const store = await open()
  const ledger = await writeDuring(store, async () => {
    await sleep(300)
    await server.stop('SIGKILL')
    await server.start()
    await sleep(300)
  })
  await store.close()
  return ledger
}

function report(): void {
  const seconds = Math.round((performance.now() - begun) / 1000)
  console.log()
  for (const { engine, acknowledged, problems, reopenMs } of results) {
    const isSound = problems.length === 0
    const [median = 0, longest = 0] = [reopenMs[reopenMs.length >> 1], reopenMs.at(-1)]
    const reopened = `open again after ${Math.round(median)} ms, at most ${Math.round(longest)}`
    console.log(
      `  ${isSound ? 'ok    ' : 'FAILED'} ${engine}: ${rounds} kills, ${acknowledged} acknowledged, ` +
        `${problems.length} lost or wrong; ${reopened}`,
    )
    for (const problem of problems.slice(0, shownProblems)) console.log(`           ${problem}`)
  }
  const file = resolve(values.report ?? `data/torture/store-${seed}.json`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ rounds, seed, seconds, results }, null, 2)}\n`)
  const failed = results.filter(({ problems }) => problems.length > 0).length
  console.log(`\n  Report: ${file}`)
  console.log(`\n${results.length - failed} passed, ${failed} failed (seed ${seed}, ${seconds} s)`)
  process.exit(failed === 0 ? 0 : 1)
}
