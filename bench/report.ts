/** The tables that people read, as text or as docs/performance.md holds them, and how noisy the run was. */
import type { Row } from './rows.ts'
import type { Samples, Summary } from './samples.ts'
import { type Judged, wordsOf } from './targets.ts'
import { bareTunnel, direct, jsonRelay, nodeProxy, ssh, variants } from './variants.ts'

type Noise = {
  /** Cores that the host gave to others, over the whole run. */
  readonly stealCores: number
  /** Cores that other programs of this machine used beside requests and bulk; median and most. */
  readonly foreignCores: number
  readonly foreignCoresMost: number
  readonly load: number
  readonly failedRequests: number
}

export type Report = {
  readonly samples: Samples
  readonly missing: readonly string[]
  readonly noise: Noise
  /** By row group. */
  readonly rows: Readonly<Record<string, Row>>
  readonly targets: readonly Judged[]
}

/** The first line is the head. */
type Table = ReadonlyArray<readonly string[]>

export function noiseOf(
  samples: Samples,
  { stealCores, load }: Pick<Noise, 'stealCores' | 'load'>,
): Noise {
  const all = samples.all()
  const values = (name: string) => all.map((sample) => sample[name] ?? 0).toSorted((a, b) => a - b)
  const foreign = values('foreignCores')
  return {
    stealCores,
    foreignCores: foreign[Math.floor(foreign.length / 2)] ?? 0,
    foreignCoresMost: foreign.at(-1) ?? 0,
    load: Math.max(load, values('load').at(-1) ?? 0),
    failedRequests: values('failed').reduce((sum, one) => sum + one, 0),
  }
}

export function printReport(report: Report, isMarkdown: boolean): void {
  const { missing, noise, targets } = report
  for (const table of tablesOf(report)) {
    console.log(`\n${(isMarkdown ? markdownOf(table) : textOf(table)).join('\n')}`)
  }
  const unmeasured = targets.filter(({ verdict }) => verdict === 'not measured').length
  if (unmeasured > 0)
    console.log(`\nNot measured in this run: ${unmeasured} of ${targets.length} targets`)
  for (const one of missing) console.log(`\nMissing: ${one}`)
  console.log(
    `\nNoise: ${noise.stealCores.toFixed(2)} cores stolen by the host; other programs used ` +
      `${noise.foreignCores.toFixed(2)} cores (at most ${noise.foreignCoresMost.toFixed(2)}), load up to ` +
      `${noise.load.toFixed(1)}; ${noise.failedRequests} requests failed`,
  )
}

function tablesOf({ samples, rows, targets }: Report): Table[] {
  const names = variants
    .map(({ name }) => name)
    .filter((name) => samples.rows().some((row) => samples.of(row, name).length > 0))
  const singles = Object.entries(rows).flatMap(([group, row]) =>
    Object.entries(row).map(([name, value]) => [`${group}: ${wordsOf(name)}`, number(value)]),
  )
  const judged = targets
    .filter(({ verdict }) => verdict !== 'not measured')
    .map(({ figure, must, goal, seen, verdict }) => [figure, must, goal, number(seen), verdict])
  const all: Table[] = [
    [['', ...names], ...samples.rows().flatMap((row) => linesOf(samples, row, names))],
    [['', ''], ...singles],
    [['figure', 'must', 'goal', 'seen', ''], ...judged],
  ]
  return all.filter((table) => table.length > 1)
}

function linesOf(samples: Samples, row: string, names: readonly string[]): string[][] {
  const isSmall = row.startsWith('1 KiB')
  const speed = isSmall ? 'requestsPerSecond' : 'mbPerSecond'
  const figure = (way: string, name: string) => samples.figure(row, way, name)
  const medians = (...parts: string[]) =>
    names.map((way) => parts.map((name) => number(figure(way, name)?.median)).join(' / '))
  const others = [direct, nodeProxy, jsonRelay, bareTunnel, ssh].filter((name) =>
    names.includes(name),
  )
  const per = isSmall ? 'Per1000' : 'PerGb'
  const ratios = others.map((other) => [
    `… × ${other}`,
    ...names.map((way) => number(samples.ratio(row, [way, other], speed)?.median)),
  ])
  const memory = names.map((way) => number(figure(way, 'rssMb')?.max))
  return [
    [
      `${row}: ${isSmall ? 'requests/s' : 'MB/s'} (min-max)`,
      ...names.map((way) => range(figure(way, speed))),
    ],
    ...ratios,
    ...(isSmall ? [['… p50 / p95 / p99, ms', ...medians('p50', 'p95', 'p99')]] : []),
    [`… CPU s/${isSmall ? '1000 requests' : 'GB'}, whole path`, ...medians(`cpu${per}`)],
    ['… gateway / agent', ...medians(`gateway${per}`, `agent${per}`)],
    ...(isSmall ? [] : [['… memory of gateway + agent, MB', ...memory]]),
  ]
}

function textOf(table: Table): string[] {
  const widths = (table[0] ?? []).map((_head, column) =>
    Math.max(...table.map((cells) => cells[column]?.length ?? 0)),
  )
  return table.map((cells) =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('   ')
      .trimEnd(),
  )
}

function markdownOf([head = [], ...lines]: Table): string[] {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`)
}

function range(summary: Summary | undefined): string {
  if (!summary) return '-'
  const [median, min, max] = [summary.median, summary.min, summary.max].map((n) => n.toFixed(0))
  return `${median} (${min}-${max})`
}

function number(value: number | undefined): string {
  if (value === undefined) return '-'
  if (Number.isInteger(value) || value >= 100) return value.toFixed(0)
  return value.toFixed(value < 1 ? 3 : 2)
}
