/** A session's facts on a clock that can be played: where each line stands, and how time passes. Pure. */
import type { AuditEvent } from '@travessia/schemas/api'
import { firstOf, isBad, lastOf, type TimelineLine } from './exchanges.ts'

/** A line on the clock, ms since the session's first fact. */
export type Moment = {
  readonly line: TimelineLine
  readonly fromMs: number
  readonly toMs: number
  readonly isBad: boolean
}
/** A part of the recording and how much faster than itself it is played. */
type Stretch = { readonly fromMs: number; readonly toMs: number; readonly rate: number }
export type Track = {
  readonly durationMs: number
  /** Without gaps, from 0 on. */
  readonly stretches: readonly Stretch[]
}

export const speeds = [1, 2, 4, 8, 16] as const

/** Longer pauses between two facts are inactivity. */
const idleMs = 3_000
/** How long one of these takes when it is skipped. */
const skippedMs = 700
/** What is shown before and after a fact as if something happened. */
const restMs = 800

const marksAcross = 199

/** @param startMs ms since 1970 of the first fact */
export function momentsOf(lines: readonly TimelineLine[], startMs: number): Moment[] {
  return lines.map((line) => {
    const fromMs = Math.max(0, timeOf(firstOf(line)) - startMs)
    const toMs = Math.max(fromMs, timeOf(lastOf(line)) - startMs)
    return { line, fromMs, toMs, isBad: isBad(lastOf(line)) }
  })
}

export function trackOf(
  moments: readonly Moment[],
  { durationMs, skipsIdle }: { readonly durationMs: number; readonly skipsIdle: boolean },
): Track {
  if (!skipsIdle) return { durationMs, stretches: [{ fromMs: 0, toMs: durationMs, rate: 1 }] }
  const stretches: Stretch[] = []
  let reached = 0
  const goOn = (toMs: number, rate: number) => {
    if (toMs <= reached) return
    stretches.push({ fromMs: reached, toMs, rate })
    reached = toMs
  }
  const points = moments.flatMap(({ fromMs, toMs }) => [fromMs, toMs])
  for (const point of [...points.toSorted((a, b) => a - b), durationMs]) {
    const [from, to] = [reached + restMs, point - restMs]
    if (point - reached > idleMs) {
      goOn(from, 1)
      goOn(to, (to - from) / skippedMs)
    }
    goOn(Math.min(point, durationMs), 1)
  }
  return { durationMs, stretches }
}

/** Where the recording stands after so many ms of playing. */
export function advance({ stretches, durationMs }: Track, atMs: number, playedMs: number): number {
  let [at, left] = [atMs, playedMs]
  for (const { toMs, rate } of stretches) {
    if (toMs <= at) continue
    const needed = (toMs - at) / rate
    if (needed > left) return at + left * rate
    left -= needed
    at = toMs
  }
  return durationMs
}

/** The line that had begun last at this moment; -1: none yet. */
export function indexAt(moments: readonly Moment[], atMs: number): number {
  return moments.findLastIndex(({ fromMs }) => fromMs <= atMs)
}

/** Where something is, on a scale of 200; at most one mark a place, and what went wrong wins. */
export function marksOf(
  moments: readonly Moment[],
  durationMs: number,
): Array<{ readonly at: number; readonly isBad: boolean }> {
  const marks = new Map<number, boolean>()
  for (const { fromMs, isBad } of moments) {
    const at = Math.round((fromMs / Math.max(1, durationMs)) * marksAcross)
    marks.set(at, isBad || marks.get(at) === true)
  }
  return [...marks].map(([at, isBad]) => ({ at, isBad }))
}

/** `1:02:03`, `2:03`: a place in the recording. */
export function clockOf(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)]
  const two = (value: number) => String(value).padStart(2, '0')
  const rest = `${hours > 0 ? two(minutes) : minutes}:${two(seconds % 60)}`
  return hours > 0 ? `${hours}:${rest}` : rest
}

/** `?t=` in seconds, as links to an instant have it; within the recording. */
export function instantOf(search: string, durationMs: number): number {
  const seconds = Number(new URLSearchParams(search).get('t') ?? 0)
  return Number.isFinite(seconds) ? Math.min(Math.max(0, seconds * 1_000), durationMs) : 0
}

function timeOf({ at }: AuditEvent): number {
  return Date.parse(at)
}
