/** What a row that stands for itself is given, and what it brings back. */
import type { Device } from './device.ts'

/** Figures by name; the name says the unit. */
export type Row = Readonly<Record<string, number>>

export type RowPlace = {
  /** Does not exist yet. */
  readonly directory: string
  readonly isQuick: boolean
  /** How long a log is read. */
  readonly events: number
  /** Started by the first who asks. */
  device(): Promise<Device>
}

type Figures = { readonly p50: number; readonly p95: number; readonly p99: number }

export function figuresOf(times: readonly number[]): Figures {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

export function medianOf(values: readonly number[]): number {
  return figuresOf(values).p50
}

/** Each once, so many under way together. */
export async function inGroupsOf<T>(
  atOnce: number,
  all: readonly T[],
  work: (one: T) => Promise<void>,
): Promise<void> {
  const rest = all.values()
  const worker = async () => {
    for (const one of rest) await work(one)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
