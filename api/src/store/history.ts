/**
 * Samples for charts: temperatures, progress, passages. Not facts: a file of its own, kept for a week, lost without
 * harm. One sample per device and series each ten seconds at most.
 */
import { DatabaseSync } from 'node:sqlite'
import type { DeviceState } from '@travessia/schemas/device-state'

const betweenMs = 10_000
const keepMs = 7 * 24 * 3_600_000
const sweepEvery = 1_000
const maxPoints = 300

/** `[ms since 1970, value]`, oldest first. */
type Points = Array<[at: number, value: number]>

export class History {
  readonly #database: DatabaseSync
  readonly #insert: ReturnType<DatabaseSync['prepare']>
  readonly #writtenAt = new Map<string, number>()
  #writes = 0

  constructor(path: string) {
    this.#database = new DatabaseSync(path)
    this.#database.exec(`pragma journal_mode = wal; pragma synchronous = off;
      create table if not exists sample(device text not null, series text not null, at integer not null,
        value real not null, primary key (device, series, at)) without rowid`)
    this.#insert = this.#database.prepare('insert or replace into sample values (?, ?, ?, ?)')
  }

  add(deviceId: string, at: number, state: DeviceState): void {
    if (at - (this.#writtenAt.get(deviceId) ?? 0) < betweenMs) return
    const samples = samplesOf(state)
    if (samples.length === 0) return
    this.#writtenAt.set(deviceId, at)
    for (const [series, value] of samples) this.#insert.run(deviceId, series, at, value)
    this.#writes += 1
    if (this.#writes % sweepEvery === 0) this.#sweep(at)
  }

  /** Every series of a device between two moments, thinned to 300 points each by averages. */
  read(deviceId: string, from: number, to: number): Record<string, Points> {
    const bucketMs = Math.max(1, Math.ceil((to - from) / maxPoints))
    const rows = this.#database
      .prepare(
        `select series, min(at) as first, avg(value) as value from sample
         where device = ? and at between ? and ?
         group by series, cast((at - ?) / ? as integer) order by series, first`,
      )
      .all(deviceId, from, to, from, bucketMs)
    const points: Record<string, Points> = {}
    for (const { series, first, value } of rows) {
      points[String(series)] ??= []
      points[String(series)]?.push([Number(first), Number(value)])
    }
    return points
  }

  forget(deviceId: string): void {
    this.#database.prepare('delete from sample where device = ?').run(deviceId)
    this.#writtenAt.delete(deviceId)
  }

  close(): void {
    this.#database.close()
  }

  #sweep(now: number): void {
    this.#database.prepare('delete from sample where at < ?').run(now - keepMs)
  }
}

function samplesOf({ temperatures = [], job, turns }: DeviceState): Array<[string, number]> {
  const samples: Array<[string, number]> = temperatures.map(({ sensor, actual }) => [
    sensor,
    actual,
  ])
  if (job?.progress !== null && job?.progress !== undefined)
    samples.push(['progress', job.progress])
  if (turns) samples.push(['turns', turns.left + turns.right])
  return samples
}
