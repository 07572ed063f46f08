/** `npm run bench`: the figures of DESIGN 10 that are measured so far, as a table and as JSON. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, resolve } from 'node:path'
import { stopChildren } from '../scripts/children.ts'
import { type Figures, type Row, tapToDevice } from './tap-to-device.ts'

const file = resolve('data/bench/bench.json')

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void stopChildren().then(() => process.exit(130)))

const load = loadavg()[0]
const rows = [await tapToDevice()]
for (const row of rows) print(row)
mkdirSync(dirname(file), { recursive: true })
const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version, load }
const content = { at: new Date().toISOString(), machine, rows }
writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`)
console.log(`\n  Report: ${file}`)
process.exit(rows.every(({ isMet }) => isMet) ? 0 : 1)

function print({ title, target, tapMs, directMs, ratio, isMet }: Row): void {
  console.log(`\n  ${title}\n  target: ${target}: ${isMet ? 'met' : 'MISSED'}\n`)
  console.log(`  ${''.padEnd(26)}     p50     p95     p99`)
  const line = (name: string, { p50, p95, p99 }: Figures, digits: number) =>
    console.log(
      `  ${name.padEnd(26)}${[p50, p95, p99].map((n) => n.toFixed(digits).padStart(8)).join('')}`,
    )
  line('POST → device call, ms', tapMs, 2)
  line('direct POST → call, ms', directMs, 2)
  line('ratio', ratio, 1)
}
