/** `npm run bench`: one table, one JSON file. Options: docs/performance.md. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { endWithUsage, readArguments } from '../api/src/command-line.ts'
import { stopChildren } from '../scripts/children.ts'
import { abort } from './abort.ts'
import { capture } from './capture.ts'
import { type Device, startDevice } from './device.ts'
import { fleet } from './fleet.ts'
import { bulkLoads, measureLoads, type Pace, requestLoads, verify } from './loads.ts'
import { machineTime } from './proc.ts'
import { pathOf, stopAll } from './processes.ts'
import { reconnect } from './reconnect.ts'
import { noiseOf, printReport, type Report } from './report.ts'
import type { Row, RowPlace } from './rows.ts'
import { Samples } from './samples.ts'
import { stalled } from './stalled.ts'
import { store } from './store.ts'
import { tapToDevice } from './tap-to-device.ts'
import { judge } from './targets.ts'
import { startVariants, variants } from './variants.ts'
import { websocket } from './websocket.ts'
import { writes } from './writes.ts'

/** Rows that are no column beside other ways; each with what it cannot do without. */
const single: Readonly<
  Record<string, { needs: readonly string[]; measure(place: RowPlace): Promise<Row> }>
> = {
  writes: { needs: ['nginx', 'wrk'], measure: writes },
  abort: { needs: [], measure: abort },
  stalled: { needs: [], measure: stalled },
  websocket: { needs: [], measure: websocket },
  fleet: { needs: [], measure: fleet },
  reconnect: { needs: [], measure: reconnect },
  tap: { needs: [], measure: tapToDevice },
  store: { needs: [], measure: store },
  capture: { needs: [], measure: capture },
}
const groups = ['requests', 'bulk', ...Object.keys(single)]
const full: Pace = { rounds: 5, warmSeconds: 12, seconds: 2 }
const quick: Pace = { rounds: 1, warmSeconds: 0, seconds: 1 }

const usage = `Usage: npm run bench [-- ROWS] [--only ROWS] [--ways WAYS] [--quick] [--rounds N] [--events N]
       [--markdown] [--out FILE] [--profile DIRECTORY]   (see docs/performance.md)
ROWS: ${groups.join(', ')}
WAYS: ${variants.map(({ name }) => name).join(', ')}`

const { values: options, positionals } = readArguments(usage, {
  /** Row groups: `npm run bench -- store`. */
  allowPositionals: true,
  options: {
    /** The same, comma separated. */
    only: { type: 'string' },
    /** Names of the ways, comma separated; all without it. */
    ways: { type: 'string' },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    /** How long the log is that the row `store` reads pages of. */
    events: { type: 'string' },
    /** Tables as docs/performance.md holds them. */
    markdown: { type: 'boolean', default: false },
    out: { type: 'string' },
    profile: { type: 'string' },
  },
})
const asked = [...positionals, ...(options.only?.split(',') ?? [])]
const wanted = new Set(asked.length > 0 ? asked : groups)
const askedWays = options.ways?.split(',')
const counts = [options.rounds, options.events].filter((count) => count !== undefined)
if (
  asked.some((name) => !groups.includes(name)) ||
  askedWays?.some((way) => !variants.some(({ name }) => name === way)) ||
  counts.some((count) => !(Number.isInteger(Number(count)) && Number(count) > 0))
)
  endWithUsage(usage)

const directory = mkdtempSync(join(tmpdir(), 'travessia-bench-'))
let started: Promise<Device> | undefined
let highestLoad = 0
const device = () => (started ??= startDevice(directory))

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void cleanUp().then(() => process.exit(130)))

try {
  await bench()
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  await cleanUp()
}

async function bench(): Promise<void> {
  const begun = { ...machineTime(), at: performance.now() }
  const samples = new Samples()
  const missing: string[] = []
  if (wanted.has('requests') || wanted.has('bulk')) missing.push(...(await loads(samples)))
  await stopEverything()
  const rows = await singleRows(missing)
  const seconds = (performance.now() - begun.at) / 1000
  const stealCores = (machineTime().stealSeconds - begun.stealSeconds) / seconds
  const noise = noiseOf(samples, { stealCores, load: highestLoad })
  const results = { samples, rows, missing, noise, targets: judge({ samples, rows }) }
  printReport(results, options.markdown)
  if (options.quick) console.log('\nQuick: to see that it runs, not a measurement.')
  keep(results)
}

function keep({ samples, rows, ...rest }: Report): void {
  const file = resolve(options.out ?? join(tmpdir(), 'travessia-bench.json'))
  mkdirSync(dirname(file), { recursive: true })
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version }
  const report = { at: new Date().toISOString(), machine, ...rest, rows: samples, ...rows }
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
  console.log(`\nReport: ${file}`)
}

async function loads(samples: Samples): Promise<string[]> {
  const lacking = lackingOf(['nginx', 'wrk'])
  if (lacking.length > 0) return [`requests and bulk: ${lacking.join(', ')}`]
  const profileDir = options.profile === undefined ? undefined : resolve(options.profile)
  const isWanted = (name: string) => askedWays?.includes(name) ?? true
  const place = { directory, device: await device(), profileDir }
  const { ways, missing } = await startVariants(place, isWanted)
  for (const way of ways) await verify(way, place.device.digests)
  const base = options.quick ? quick : full
  const pace = { ...base, rounds: Number(options.rounds ?? base.rounds) }
  if (wanted.has('requests')) await measureLoads(ways, requestLoads, { pace, samples })
  if (wanted.has('bulk')) await measureLoads(ways, bulkLoads, { pace, samples })
  return missing
}

/** One after the other, each with processes of its own. */
async function singleRows(missing: string[]): Promise<Record<string, Row>> {
  const rows: Record<string, Row> = {}
  for (const [name, { needs, measure }] of Object.entries(single)) {
    if (!wanted.has(name)) continue
    const lacking = lackingOf(needs)
    if (lacking.length > 0) {
      missing.push(`${name}: ${lacking.join(', ')}`)
      continue
    }
    console.error(`  measuring ${name} …`)
    const events = Number(options.events ?? (options.quick ? 1_000 : 100_000))
    const place = { directory: join(directory, name), isQuick: options.quick, events, device }
    rows[name] = await measure(place)
    highestLoad = Math.max(highestLoad, loadavg()[0] ?? 0)
    await stopEverything()
  }
  return rows
}

async function stopEverything(): Promise<void> {
  await stopAll()
  started = undefined
}

function lackingOf(programs: readonly string[]): string[] {
  return programs
    .filter((name) => pathOf(name) === undefined)
    .map((name) => `Debian package ${name}`)
}

async function cleanUp(): Promise<void> {
  await Promise.all([stopAll(), stopChildren()])
  rmSync(directory, { recursive: true, force: true })
}
