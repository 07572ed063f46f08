/**
 * `npm run soak`: browsers with a mixed load through a node, two agents and a network that fails all the time; then
 * compares every answer with what it had to be, and counts what is left: no stream, no socket, no growing memory.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { endWithUsage, readArguments } from '../api/src/command-line.ts'
import type { Api } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { registerDevice } from '../rig/own-agent.ts'
import { enterSession } from '../rig/pages.ts'
import type { Entered } from '../rig/session-client.ts'
import { SteadyDevice } from '../rig/steady-device.ts'
import { small } from '../rig/traffic.ts'
import { stopChildren } from './children.ts'
import { Browsers } from './soak/browsers.ts'
import { inMebibytes, leaks, MemoryWatch } from './soak/memory.ts'
import { Weather } from './soak/weather.ts'
import { createField, type Field } from './torture/field.ts'

const browsersPerAgent = 3
/** A half-open connection takes its keepalive. */
const calmWithinMs = 60_000
const shownProblems = 10

type Check = { readonly title: string; readonly problems: readonly string[] }
type Place = { readonly device: SteadyDevice; readonly at: Entered }

const usage = 'Usage: npm run soak [-- --seconds N] [--seed S] [--report FILE]'
const { values } = readArguments(usage, {
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    report: { type: 'string' },
  },
})
const [seconds, seed] = [Number(values.seconds), Number(values.seed)]
if (!Number.isInteger(seconds) || seconds < 1 || !Number.isInteger(seed) || seed < 0)
  endWithUsage(usage)

const directory = mkdtempSync(join(tmpdir(), 'travessia-soak-'))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void breakOff())

async function breakOff(): Promise<void> {
  await stopChildren()
  rmSync(directory, { recursive: true, force: true })
  process.exit(130)
}

console.log(`Soak of ${seconds} s, seed ${seed}`)
const browsers = new Browsers()
const memory = new MemoryWatch()
const field = await createField({ directory, agents: 2, gatesPerAgent: 0 })
const { checks, made } = await soak(field).finally(() => field.stop())
report(checks)
const failed = checks.filter(({ problems }) => problems.length > 0).length
if (failed === 0) rmSync(directory, { recursive: true, force: true })
else console.log(`\nLogs and data are kept in ${directory}`)
console.log(`\n${checks.length - failed} passed, ${failed} failed (seed ${seed})`)
process.exit(failed === 0 ? 0 : 1)

async function createPlace(api: Api, agent: Field['agents'][number]): Promise<Place> {
  const device = new SteadyDevice()
  const fields = { name: 'Constante', baseUrl: await device.start(), recording: 'relaxed' }
  const { id } = await registerDevice(api, agent.installationId, fields)
  // A session of the usual length would end before a long soak does.
  const ttlSeconds = 4 * 3_600
  return { device, at: await enterSession(api, id, { ttlSeconds, reason: 'soak' }) }
}

async function soak(on: Field) {
  const { network, node, agents } = on
  const admin = await on.phone('admin')
  const places = await Promise.all(agents.map((agent) => createPlace(admin, agent)))
  const signal = AbortSignal.timeout(seconds * 1_000)
  const [mortal, immortal] = agents
  if (!mortal || !immortal) throw new TypeError('two agents')
  const weather = new Weather({ network, mortal: mortal.child, seed, signal })
  await Promise.all([
    weather.run(),
    // What is killed does not show a leak.
    memory.watch({ node, agent: immortal.child }, signal),
    ...places.flatMap(({ at }, place) =>
      Array.from({ length: browsersPerAgent }, (_, n) =>
        browsers.browse(at, seed, `browser ${place}.${n}`, signal),
      ),
    ),
  ])
  return { made: weather.made, checks: await evidence(on, places) }
}

async function evidence({ httpUrl, agents }: Field, places: readonly Place[]): Promise<Check[]> {
  const answers = async () => {
    const all = await Promise.all(places.map(({ at }) => small(at, 'after-all').ended))
    return all.every(({ isWhole }) => isWhole)
  }
  const isCalm = async () => {
    const counts = [nodeStreams(httpUrl), ...agents.map((agent) => agent.streams())]
    const open = places.map(({ device }) => device.open)
    return [...(await Promise.all(counts)), ...open].every((count) => count === 0)
  }
  const unmet = (ask: () => Promise<boolean>, what: string) =>
    eventually(() => ask().catch(() => false), { withinMs: calmWithinMs, what }).then(
      () => [],
      (error: Error) => [error.message],
    )
  const tallies = Object.entries(browsers.done)
  return [
    {
      title: 'every answer was right, or a right beginning that was marked as cut',
      problems: browsers.problems,
    },
    {
      title: 'each kind of exchange came through, and faults were felt',
      problems: [
        ...tallies.filter(([, { whole }]) => whole === 0).map(([kind]) => `no ${kind} was whole`),
        ...(tallies.some(([, { cut, refused }]) => cut + refused > 0) ? [] : ['none was cut']),
      ],
    },
    { title: 'every session answers again', problems: await unmet(answers, 'an answer') },
    { title: 'no stream and no socket is left', problems: await unmet(isCalm, 'nothing left') },
    { title: 'memory did not grow', problems: memory.growth().flatMap(leaks) },
  ]
}

async function nodeStreams(httpUrl: string): Promise<number> {
  const metrics = await (await fetch(`${httpUrl}/metrics`)).text()
  return Number(/^travessia_tunnel_streams (\d+)$/m.exec(metrics)?.[1])
}

function report(all: readonly Check[]): void {
  console.log('\n  exchange     whole   cut  refused  left')
  for (const [kind, { whole, cut, refused, left }] of Object.entries(browsers.done)) {
    const row = [String(whole).padStart(7), String(cut).padStart(5), String(refused).padStart(8)]
    console.log(`  ${kind.padEnd(10)} ${row.join(' ')} ${String(left).padStart(5)}`)
  }
  console.log(
    `\n  troubles: ${Object.entries(made)
      .map(([name, n]) => `${name} ${n}`)
      .join(', ')}`,
  )
  for (const { name, first, last } of memory.growth())
    console.log(`  memory of ${name}: ${inMebibytes(first)}, at the end ${inMebibytes(last)}`)
  console.log()
  for (const { title, problems } of all) {
    console.log(`  ${problems.length === 0 ? 'ok    ' : 'FAILED'} ${title}`)
    for (const problem of problems.slice(0, shownProblems)) console.log(`           ${problem}`)
    if (problems.length > shownProblems) console.log(`           … ${problems.length} in all`)
  }
  if (values.report === undefined) return
  const file = resolve(values.report)
  mkdirSync(dirname(file), { recursive: true })
  const content = { seconds, seed, made, done: browsers.done, memory: memory.growth(), checks: all }
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`)
}
