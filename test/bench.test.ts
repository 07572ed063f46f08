/** `npm run bench` at its smallest: real processes, positive figures, nothing left. */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pidsOf, root } from '../rig/processes.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-bench-test-'))
const withinMs = 240_000

beforeAll(() => {
  // PostgreSQL runs as nobody, and must get to its folder in there.
  chmodSync(directory, 0o755)
  for (const [name, path] of [
    ['nginx', '/usr/sbin/nginx'],
    ['wrk', '/usr/bin/wrk'],
    ['mosquitto', '/usr/sbin/mosquitto'],
  ] as const)
    expect(existsSync(path), `Debian package ${name} is missing`).toBe(true)
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** A quick run in a directory of its own, which holds nothing but the report afterwards. */
async function bench(name: string, ...args: string[]) {
  const own = join(directory, name)
  mkdirSync(own)
  const out = join(own, 'bench.json')
  const options = { cwd: root, env: { ...process.env, TMPDIR: own } }
  const line = ['bench/bench.ts', '--quick', '--out', out, ...args]
  const { stdout } = await promisify(execFile)(process.execPath, line, options)
  expect(pidsOf(own)).toEqual([])
  expect(readdirSync(own)).toEqual(['bench.json'])
  return { stdout, report: JSON.parse(readFileSync(out, 'utf8')) }
}

/** All of these figures are there, none below zero. */
function expectFigures(row: Record<string, number>, names: readonly string[]): void {
  expect(Object.keys(row)).toEqual(names)
  for (const name of names) expect(row[name], name).toBeGreaterThanOrEqual(0)
}

test(
  'the bench measures requests through both links of the tunnel beside direct ones and leaves nothing',
  async () => {
    const ways = 'direct nginx,off,plain link'
    const args = ['--only', 'requests', '--ways', ways, '--markdown']
    const { report, stdout } = await bench('requests', ...args)
    const row = report.rows['1 KiB, 16 connections']
    const [direct] = row['direct nginx']
    for (const way of ['off', 'plain link']) {
      const [tunnel] = row[way]
      expect(tunnel.requestsPerSecond).toBeGreaterThan(0)
      expect(tunnel.gatewayPer1000).toBeGreaterThan(0)
      expect(tunnel.agentPer1000).toBeGreaterThan(0)
      expect(direct.requestsPerSecond).toBeGreaterThan(tunnel.requestsPerSecond)
    }
    expect(report.noise.failedRequests).toBe(0)
    expect(stdout).toContain('|  | direct nginx | off | plain link |')
    const [judged] = report.targets
    expect(judged.figure).toBe('1 KiB, 1 connection: off vs. direct nginx')
    expect(judged.seen).toBeGreaterThan(0)
    expect(judged.verdict).toBe(
      judged.seen >= 0.33 ? 'goal' : judged.seen >= 0.25 ? 'must' : 'missed',
    )
    const unmeasured = {
      figure: 'tap: p95 ms',
      must: '≤ 100',
      goal: '≤ 20',
      verdict: 'not measured',
    }
    expect(report.targets).toContainEqual(unmeasured)
  },
  withinMs,
)

test(
  'the bench counts writes, times aborted and stalled streams and WebSocket echoes, and leaves nothing',
  async () => {
    const { report } = await bench('streams', '--only', 'writes,abort,stalled,websocket')
    expectFigures(report.writes, ['gatewayWritesPerRequest', 'agentWritesPerRequest'])
    // At least one to the browser, one to the device, and a share of what goes between the two.
    expect(Math.min(...Object.values<number>(report.writes))).toBeGreaterThan(1)
    const streams = ['oneStreamMedianMs', 'oneStreamP95Ms']
    const many = ['twentyStreamsMedianMs', 'twentyStreamsP95Ms']
    expectFigures(report.abort, [...streams, ...many, 'streamsLeft'])
    expect(report.abort.streamsLeft).toBe(0)
    const { viewerGrowthMb, ...delays } = report.stalled
    expect(viewerGrowthMb).toBeTypeOf('number')
    const besides = ['LongestMs', 'LongestAloneMs', 'P95Ms', 'P95AloneMs']
    const who = ['stalledAgent', 'tenfoldLoad']
    expectFigures(
      delays,
      who.flatMap((one) => besides.map((name) => one + name)),
    )
    expectFigures(report.websocket, ['echoP50Ms', 'echoP95Ms', 'directP50Ms', 'directP95Ms'])
    expect(report.websocket.echoP50Ms).toBeGreaterThan(report.websocket.directP50Ms)
  },
  withinMs,
)

test(
  'the bench asks for answers that are copied beside those that are not, and leaves nothing',
  async () => {
    const { report } = await bench('capture', '--only', 'capture')
    const names = ['HeadsPerSecond', 'BodiesOfHeads', 'DomOfHeads']
    expectFigures(
      report.capture,
      ['small', 'large'].flatMap((size) => names.map((name) => size + name)),
    )
    expect(Math.min(...Object.values<number>(report.capture))).toBeGreaterThan(0)
  },
  withinMs,
)

test(
  'the bench asks a fleet and times its return to a node that was killed, and leaves nothing',
  async () => {
    const { report } = await bench('fleet', '--only', 'fleet,reconnect')
    const { fleet, reconnect } = report
    expect(fleet.agents).toBe(10)
    expect(fleet.failed).toBe(0)
    expect(fleet.requests).toBe(fleet.agents * 5 * 2)
    expect(fleet.p95Ms).toBeGreaterThanOrEqual(fleet.p50Ms)
    expect(reconnect.agents).toBe(50)
    expect(reconnect.nodeReadySeconds).toBeGreaterThan(0)
    expect(reconnect.allBackSeconds).toBeGreaterThanOrEqual(reconnect.firstBackSeconds)
    expect(reconnect.connectionsPerSecond).toBeGreaterThan(0)
  },
  withinMs,
)

test(
  'the bench appends to both engines of the log beside raw inserts, reads pages, and leaves nothing',
  async () => {
    const { report } = await bench('store', '--only', 'store', '--events', '500')
    for (const engine of ['sqlite', 'postgres'])
      for (const figure of ['ManyProducersPerSecond', 'OfRaw', 'AckP99Ms', 'PageP95Ms'])
        expect(report.store[engine + figure], engine + figure).toBeGreaterThan(0)
  },
  withinMs,
)

test(
  'the questions of an auditor are asked of both engines, and nothing is left',
  async () => {
    const own = join(directory, 'audit')
    mkdirSync(own)
    const options = { cwd: root, env: { ...process.env, TMPDIR: own } }
    const line = ['bench/audit.ts', '--events', '500']
    const { stdout } = await promisify(execFile)(process.execPath, line, options)
    const [, ofSqlite = '', ofPostgres = ''] = stdout.split(/^(?:sqlite|postgres): .*$/m)
    expect(ofSqlite.match(/^.*p95.*ms$/gm)?.length).toBeGreaterThan(10)
    const names = (text: string) => text.replaceAll(/ +p50.*$/gm, '').trim()
    expect(names(ofPostgres)).toBe(names(ofSqlite))
    expect(pidsOf(own)).toEqual([])
    expect(readdirSync(own)).toEqual([])
  },
  withinMs,
)
