/** `npm run bench [-- --only requests,bulk,tap --ways off,strict --quick --out FILE --profile DIR]`: one table, one JSON file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { stopChildren } from '../scripts/children.ts'
import { startDevice } from './device.ts'
import { bulkLoads, measureLoads, type Pace, requestLoads, verify } from './loads.ts'
import { pathOf, stopAll } from './processes.ts'
import { noiseOf, printTable } from './report.ts'
import { Samples } from './samples.ts'
import { tapToDevice } from './tap-to-device.ts'
import { startVariants } from './variants.ts'

const groups = ['requests', 'bulk', 'tap'] as const
const full: Pace = { rounds: 5, warmSeconds: 12, seconds: 2 }
const quick: Pace = { rounds: 1, warmSeconds: 3, seconds: 1 }

const { values: options } = parseArgs({
  options: {
    /** Row groups, comma separated. */
    only: { type: 'string', default: groups.join(',') },
    /** Names of the ways, comma separated; all without it. */
    ways: { type: 'string' },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    out: { type: 'string' },
    profile: { type: 'string' },
  },
})
const wanted = new Set(options.only.split(','))
const directory = mkdtempSync(join(tmpdir(), 'travessia-bench-'))

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
  for (const name of wanted)
    if (!(groups as readonly string[]).includes(name)) throw new Error(`no rows named ${name}`)
  const samples = new Samples()
  const missing: string[] = []
  if (wanted.has('requests') || wanted.has('bulk')) missing.push(...(await loads(samples)))
  const tap = wanted.has('tap') ? await tapToDevice() : undefined
  const noise = noiseOf(samples)
  printTable({ samples, missing, noise, tap })
  const file = resolve(options.out ?? join(tmpdir(), 'travessia-bench.json'))
  mkdirSync(dirname(file), { recursive: true })
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version }
  const at = new Date().toISOString()
  writeFileSync(
    file,
    `${JSON.stringify({ at, machine, noise, missing, rows: samples, tap }, null, 2)}\n`,
  )
  console.log(`\n  Report: ${file}`)
  if (tap && !tap.isMet) process.exitCode = 1
}

async function loads(samples: Samples): Promise<string[]> {
  if (pathOf('wrk') === undefined) return ['requests and bulk: Debian package wrk']
  const device = await startDevice(directory)
  const profileDir = options.profile === undefined ? undefined : resolve(options.profile)
  const names = options.ways?.split(',')
  const isWanted = (name: string) => names === undefined || names.includes(name)
  const { ways, missing } = await startVariants({ directory, device, profileDir }, isWanted)
  for (const way of ways) await verify(way, device.digests)
  const base = options.quick ? quick : full
  const pace = { ...base, rounds: Number(options.rounds ?? base.rounds) }
  if (wanted.has('requests')) await measureLoads(ways, requestLoads, { pace, samples })
  if (wanted.has('bulk')) await measureLoads(ways, bulkLoads, { pace, samples })
  return missing
}

async function cleanUp(): Promise<void> {
  await Promise.all([stopAll(), stopChildren()])
  rmSync(directory, { recursive: true, force: true })
}
