/** The table that people read, and how noisy the run was. */
import type { Row } from './rows.ts'
import type { Samples, Summary } from './samples.ts'
import { direct, jsonRelay, nodeProxy, ssh, variants } from './variants.ts'

const nameWidth = 32
const cellWidth = 24

export type Noise = {
  /** Cores that the host gave to others, while we measured. */
  readonly stealCores: number
  /** Cores that other programs of this machine used; median and most. */
  readonly foreignCores: number
  readonly foreignCoresMost: number
  readonly load: number
  readonly failedRequests: number
}

type Report = {
  readonly samples: Samples
  readonly missing: readonly string[]
  readonly noise: Noise
  /** By row group. */
  readonly rows: Readonly<Record<string, Row>>
}

export function noiseOf(samples: Samples): Noise {
  const all = samples.all()
  const values = (name: string) => all.map((sample) => sample[name] ?? 0).toSorted((a, b) => a - b)
  const [steal, foreign] = [values('stealCores'), values('foreignCores')]
  return {
    stealCores: steal.reduce((sum, one) => sum + one, 0) / Math.max(1, steal.length),
    foreignCores: foreign[Math.floor(foreign.length / 2)] ?? 0,
    foreignCoresMost: foreign.at(-1) ?? 0,
    load: values('load').at(-1) ?? 0,
    failedRequests: values('failed').reduce((sum, one) => sum + one, 0),
  }
}

export function printReport({ samples, rows, missing, noise }: Report): void {
  const names = variants
    .map(({ name }) => name)
    .filter((name) => samples.rows().some((row) => samples.of(row, name).length > 0))
  if (names.length > 0) line('', names)
  for (const row of samples.rows()) printRow(samples, row, names)
  for (const [name, row] of Object.entries(rows)) printSingle(name, row)
  for (const one of missing) console.log(`\n  Missing: ${one}`)
  if (names.length === 0) return
  console.log(
    `\n  Noise: ${noise.stealCores.toFixed(2)} cores stolen by the host; other programs used ` +
      `${noise.foreignCores.toFixed(2)} cores (at most ${noise.foreignCoresMost.toFixed(2)}), load up to ` +
      `${noise.load.toFixed(1)}; ${noise.failedRequests} requests failed`,
  )
}

function printRow(samples: Samples, row: string, names: readonly string[]): void {
  const isSmall = row.startsWith('1 KiB')
  const speed = isSmall ? 'requestsPerSecond' : 'mbPerSecond'
  const figure = (way: string, name: string) => samples.figure(row, way, name)
  const each = (text: (way: string) => string) => names.map(text)
  console.log(`\n  ${row}`)
  const unit = isSmall ? 'requests/s' : 'MB/s'
  line(
    `${unit} (min-max)`,
    each((way) => range(figure(way, speed))),
  )
  for (const other of [direct, nodeProxy, jsonRelay, ssh]) {
    if (!names.includes(other)) continue
    line(
      `  × ${other}`,
      each((way) => number(samples.ratio(row, [way, other], speed)?.median)),
    )
  }
  const parts = (way: string, ...parts: string[]) =>
    parts.map((name) => number(figure(way, name)?.median)).join(' / ')
  if (isSmall)
    line(
      'p50 / p95 / p99, ms',
      each((way) => parts(way, 'p50', 'p95', 'p99')),
    )
  const per = isSmall ? 'Per1000' : 'PerGb'
  line(
    `CPU s/${isSmall ? '1000 requests' : 'GB'}, whole path`,
    each((way) => parts(way, `cpu${per}`)),
  )
  line(
    '  gateway / agent',
    each((way) => parts(way, `gateway${per}`, `agent${per}`)),
  )
  if (!isSmall)
    line(
      'memory of gateway + agent, MB',
      each((way) => number(figure(way, 'rssMb')?.max)),
    )
}

function printSingle(name: string, row: Row): void {
  console.log(`\n  ${name}`)
  for (const [figure, value] of Object.entries(row)) line(wordsOf(figure), [number(value)])
}

function wordsOf(name: string): string {
  const words = name.replace(/[A-Z]|1000/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.replace(/mb$/, 'MB').replace('cpu', 'CPU')
}

function line(name: string, cells: readonly string[]): void {
  console.log(`  ${name.padEnd(nameWidth)}${cells.map((one) => one.padStart(cellWidth)).join('')}`)
}

function range(summary: Summary | undefined): string {
  if (!summary) return '-'
  const [median, min, max] = [summary.median, summary.min, summary.max].map((n) => n.toFixed(0))
  return `${median} (${min}-${max})`
}

function number(value: number | undefined): string {
  if (value === undefined) return '-'
  return value >= 100 ? value.toFixed(0) : value.toFixed(value < 1 ? 3 : 2)
}
