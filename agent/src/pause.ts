/**
 * The switch on site: while it is on, this agent runs no command and carries no page, whatever the cloud says. A file
 * beside the configuration, read again and again, so that it holds at once and over a restart.
 */
import { readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { replaceFile } from './durable-file.ts'

/** ms since 1970; null: until somebody resumes it. */
export type PausedUntil = number | null

const recentMs = 20
const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

export function pausePathOf(configPath: string): string {
  return join(dirname(configPath), 'pause.json')
}

/** undefined: not paused. A file that cannot be understood means paused: somebody wanted it. */
export function pausedUntil(path: string, now = Date.now()): PausedUntil | undefined {
  let text: string
  try {
    // An error with its stack for a file that is rarely there would cost more than the rest.
    if (!statSync(path, { throwIfNoEntry: false })) return undefined
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : null
  }
  const until = untilOf(text)
  return until === null || until > now ? until : undefined
}

/**
 * For what asks many times a second: the answer is at most 20 ms old, since each look at the disk costs as much as the
 * rest of a small request.
 */
export function recentPause(
  path: string,
  clock = () => performance.now(),
): () => PausedUntil | undefined {
  let lookedAt = Number.NEGATIVE_INFINITY
  let seen: PausedUntil | undefined
  return () => {
    const now = clock()
    if (now - lookedAt >= recentMs) {
      seen = pausedUntil(path)
      lookedAt = now
    }
    return seen
  }
}

export function pause(path: string, until: PausedUntil): void {
  replaceFile(path, `${JSON.stringify({ until })}\n`)
}

export function resume(path: string): void {
  rmSync(path, { force: true })
}

/** `30m`, `2h`, `1d`; undefined: not a duration. */
export function durationMs(text: string): number | undefined {
  const [, count = '', unit = ''] = /^(\d{1,4})([mhd])$/.exec(text) ?? []
  return count === '' ? undefined : Number(count) * (unitMs[unit] ?? 0)
}

function untilOf(text: string): PausedUntil {
  try {
    const { until } = JSON.parse(text) as { until?: unknown }
    return typeof until === 'number' ? until : null
  } catch {
    return null
  }
}
