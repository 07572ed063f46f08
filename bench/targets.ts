/** The targets (docs/performance.md), and whether what was measured reaches them. */
import type { Row } from './rows.ts'
import type { Samples } from './samples.ts'
import { direct, jsonRelay, nodeProxy, off, relaxed, ssh, strict } from './variants.ts'

type Verdict = 'goal' | 'must' | 'missed' | 'not measured'
export type Judged = {
  readonly figure: string
  readonly must: string
  readonly goal: string
  readonly seen: number | undefined
  readonly verdict: Verdict
}
type Results = {
  readonly samples: Samples
  readonly rows: Readonly<Record<string, Row>>
}
type Target = {
  readonly figure: string
  readonly must: number
  readonly goal?: number
  /** The more the better; otherwise the less. */
  readonly isMore?: boolean
  seen(results: Results): number | undefined
}
/** `must` and `goal` for one row each. */
type Bounds = ReadonlyArray<readonly [must: number, goal: number]>

const small = ['1 KiB, 1 connection', '1 KiB, 16 connections', '1 KiB, 64 connections']
const [one, sixteen] = [small.slice(0, 1), small.slice(1, 2)]
const medium = ['100 KiB, 16 connections']
const large = ['10 MiB, 1 connection', '10 MiB, 4 connections']
const four = large.slice(1)
const words = { cpuPerGb: 'CPU s/GB', cpuPer1000: 'CPU s/1000 requests', p50: 'p50' } as const

const targets: readonly Target[] = [
  ...more([off, direct], small, [
    [0.25, 0.33],
    [0.17, 0.25],
    [0.18, 0.28],
  ]),
  ...more([off, jsonRelay], small, [
    [1.05, 1.3],
    [1.4, 2],
    [1.4, 2.1],
  ]),
  ...more([off, ssh], small, [
    [1.3, 1.7],
    [2, 3.5],
    [1.4, 2.1],
  ]),
  ...more([off, nodeProxy], small, [
    [0.6, 0.8],
    [0.65, 0.95],
    [0.75, 1.1],
  ]),
  ...more([relaxed, off], sixteen, [[0.65, 0.8]]),
  ...more([strict, relaxed], small, [
    [0.45, 0.55],
    [0.65, 0.75],
    [0.75, 0.85],
  ]),
  ...more([off, jsonRelay], large, [
    [3, 4],
    [3.2, 4.2],
  ]),
  ...more([off, ssh], large, [
    [1.2, 1.7],
    [0.8, 1.1],
  ]),
  ...more([off, direct], four, [[0.17, 0.22]]),
  ...more([off, nodeProxy], four, [[0.55, 0.75]]),
  ...more([off, ssh], medium, [[4, 5]]),
  ...more([off, jsonRelay], medium, [[3, 3.8]]),
  ...less(['cpuPerGb', off, jsonRelay], large, [0.35, 0.25]),
  ...less(['cpuPerGb', off, ssh], large, [1.4, 0.95]),
  ...less(['cpuPerGb', off, nodeProxy], large, [2.4, 1.6]),
  ...less(['cpuPer1000', off, jsonRelay], sixteen, [0.65, 0.45]),
  ...less(['cpuPer1000', off, ssh], sixteen, [2, 1.25]),
  ...less(['cpuPer1000', off, nodeProxy], sixteen, [1.5, 1.1]),
  ...less(['p50', off, nodeProxy], one, [1.6, 1.3]),
  ...less(['p50', off, jsonRelay], one, [1, 0.8]),
  sample('1 KiB, 1 connection', 'p95', [2, 1.3]),
  sample('1 KiB, 1 connection', 'p99', [8, 4.5]),
  sample('1 KiB, 16 connections', 'p99', [20, 12]),
  {
    ...{ figure: 'memory of node + agent after 10 MiB, MB', must: 400, goal: 220 },
    seen: ({ samples }) => samples.figure('10 MiB, 4 connections', off, 'rssMb')?.max,
  },
  own('writes', 'gatewayWritesPerRequest', [1.6, 1.25]),
  own('writes', 'agentWritesPerRequest', [1.6, 1.25]),
  own('abort', 'oneStreamMedianMs', [50, 10]),
  own('abort', 'twentyStreamsMedianMs', [50, 10]),
  own('abort', 'streamsLeft', [0, 0]),
  own('stalled', 'viewerGrowthMb', [34, 0]),
  own('stalled', 'stalledAgentLongestMs', [250, 50]),
  own('tap', 'p95Ms', [100, 20]),
  own('reconnect', 'idleAgentMemoryKb', [100, 60]),
  own('reconnect', 'allBackSeconds', [5]),
  { ...own('store', 'sqliteOfRaw', [0.4, 0.6]), isMore: true },
  { ...own('store', 'postgresOfRaw', [0.6, 0.8]), isMore: true },
  { ...own('store', 'sqliteOfDirect', [15]), isMore: true },
  { ...own('store', 'postgresOfDirect', [4]), isMore: true },
  // Meant are 600 and 800 bytes for an event whose text has 330.
  own('store', 'sqliteBytesBesideText', [270, 120]),
  own('store', 'postgresBytesBesideText', [470, 270]),
  own('store', 'sqliteReopenMs', [2_000, 100]),
  own('store', 'postgresReopenMs', [2_000]),
  { ...own('store', 'verifyPerSecond', [20_000, 50_000]), isMore: true },
  ...(['sqlite', 'postgres'] as const).flatMap((engine) => [
    { ...own('store', `${engine}ManyProducersPerSecond`, [5_000, 10_000]), isMore: true },
    own('store', `${engine}HalfLoadAckP99Ms`, [50, 20]),
    own('store', `${engine}LoopLagP99Ms`, [25, 10]),
    own('store', `${engine}PageP95Ms`, [20, 5]),
  ]),
]

export function judge(results: Results): Judged[] {
  return targets.map(({ figure, must, goal, isMore = false, seen: see }) => {
    const seen = see(results)
    const mark = isMore ? '≥' : '≤'
    const verdict = verdictOf(isMore ? -1 : 1, { seen, must, goal })
    const bound = (value: number | undefined) => (value === undefined ? '' : `${mark} ${value}`)
    return { figure, must: bound(must), goal: bound(goal), seen, verdict }
  })
}

type Seen = {
  readonly seen: number | undefined
  readonly must: number
  readonly goal: number | undefined
}

/** @param sign of what is worse */
function verdictOf(sign: 1 | -1, { seen, must, goal }: Seen): Verdict {
  if (seen === undefined || Number.isNaN(seen)) return 'not measured'
  if (goal !== undefined && sign * seen <= sign * goal) return 'goal'
  return sign * seen <= sign * must ? 'must' : 'missed'
}

/** Times as many requests or bytes a second as the other way, in the same round. */
function more(ways: readonly [string, string], rows: readonly string[], bounds: Bounds): Target[] {
  return rows.map((row, n) => {
    const [must = Number.NaN, goal = Number.NaN] = bounds[n] ?? []
    const speed = row.startsWith('1 KiB') ? 'requestsPerSecond' : 'mbPerSecond'
    return {
      ...{ figure: `${row}: ${ways.join(' vs. ')}`, must, goal, isMore: true },
      seen: ({ samples }) => samples.ratio(row, ways, speed)?.median,
    }
  })
}

/** Times the processor time or the delay of the other way, in the same round. */
function less(
  [name, ...ways]: readonly [keyof typeof words, string, string],
  rows: readonly string[],
  [must, goal]: readonly [number, number],
): Target[] {
  return rows.map((row) => ({
    ...{ figure: `${row}, ${words[name]}: ${ways.join(' vs. ')}`, must, goal },
    seen: ({ samples }) => samples.ratio(row, ways, name)?.median,
  }))
}

function sample(row: string, name: string, [must, goal]: readonly [number, number]): Target {
  return {
    ...{ figure: `${row}: ${name}, ms`, must, goal },
    seen: ({ samples }) => samples.figure(row, off, name)?.median,
  }
}

function own(
  group: string,
  name: string,
  [must, goal]: readonly [must: number, goal?: number],
): Target {
  return {
    ...{ figure: `${group}: ${wordsOf(name)}`, must },
    ...(goal === undefined ? {} : { goal }),
    seen: ({ rows }) => rows[group]?.[name],
  }
}

/** `twentyStreamsP95Ms` → `twenty streams p95 ms`. */
export function wordsOf(name: string): string {
  const words = name.replace(/[A-Z]|1000/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.replace(/mb$/, 'MB').replace(/kb$/, 'KB').replace('cpu', 'CPU')
}
