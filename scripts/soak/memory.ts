/** What processes hold while the soak goes on, and whether it grows. */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const everyMs = 500
const mebibyte = 1024 * 1024
/** A third of the run is judged against an earlier one; what comes before both fills heaps and buffers. */
const warmUpShare = 0.25
/** Medians of a third of a long run move by less than a tenth when nothing leaks; the rest is margin. */
const maxRatio = 1.15
/** The heap of a short run has not yet found its size. */
const marginBytes = 24 * mebibyte

type Growth = { readonly name: string; readonly first: number; readonly last: number }

export class MemoryWatch {
  readonly #samples = new Map<string, number[]>()

  async watch(processes: Readonly<Record<string, () => ChildProcess>>, signal: AbortSignal) {
    while (!signal.aborted) {
      for (const [name, child] of Object.entries(processes)) {
        const bytes = residentBytes(child().pid)
        if (bytes === undefined) continue
        this.#samples.set(name, [...(this.#samples.get(name) ?? []), bytes])
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined)
    }
  }

  growth(): Growth[] {
    return [...this.#samples].map(([name, samples]) => ({ name, ...thirdsOf(samples) }))
  }
}

/** Medians of the first and of the last third of what comes after the warm-up. */
export function thirdsOf(samples: readonly number[]): { first: number; last: number } {
  const warm = samples.slice(Math.floor(samples.length * warmUpShare))
  const third = Math.max(1, Math.floor(warm.length / 3))
  return { first: median(warm.slice(0, third)), last: median(warm.slice(-third)) }
}

export function leaks({ name, first, last }: Growth): string[] {
  if (last <= first * maxRatio + marginBytes) return []
  return [`${name}: ${inMebibytes(first)} became ${inMebibytes(last)}`]
}

export function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / mebibyte)} MiB`
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}

function residentBytes(pid: number | undefined): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
  } catch {
    return undefined
  }
}
