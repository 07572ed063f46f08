/** Plays a recording's clock; whatever is shown follows `atMs`. */
import { advance, type Moment, speeds, type Track, trackOf } from '../replay.ts'

const tickMs = 100

type Recording = {
  /** Whatever happened: the rest is idle. */
  readonly moments: readonly Moment[]
  /** Those of them that people read. */
  readonly lines: readonly Moment[]
  readonly durationMs: number
}

export class Player {
  atMs = $state(0)
  isPlaying = $state(false)
  speed = $state<(typeof speeds)[number]>(1)
  skipsIdle = $state(true)
  readonly #recording: () => Recording
  readonly track: Track = $derived.by(() =>
    trackOf(this.#recording().moments, {
      durationMs: this.durationMs,
      skipsIdle: this.skipsIdle,
    }),
  )
  #timer: ReturnType<typeof setInterval> | undefined
  #tickedAt = 0

  /** @param recording read again whenever more of it is known */
  constructor(recording: () => Recording) {
    this.#recording = recording
  }

  get durationMs(): number {
    return this.#recording().durationMs
  }

  /** From the start again when it had ended. */
  play(): void {
    if (this.isPlaying || this.durationMs === 0) return
    if (this.atMs >= this.durationMs) this.atMs = 0
    this.isPlaying = true
    this.#tickedAt = performance.now()
    this.#timer = setInterval(() => this.#tick(), tickMs)
  }

  pause(): void {
    clearInterval(this.#timer)
    this.isPlaying = false
  }

  toggle(): void {
    if (this.isPlaying) this.pause()
    else this.play()
  }

  seek(atMs: number): void {
    this.atMs = Math.min(Math.max(0, atMs), this.durationMs)
  }

  /** To the next line that begins later, or the one before. */
  step(direction: 1 | -1): void {
    const starts = this.#recording().lines.map(({ fromMs }) => fromMs)
    const next =
      direction === 1
        ? starts.find((start) => start > this.atMs)
        : starts.findLast((start) => start < this.atMs)
    this.seek(next ?? (direction === 1 ? this.durationMs : 0))
  }

  faster(direction: 1 | -1): void {
    const next = speeds[speeds.indexOf(this.speed) + direction]
    if (next !== undefined) this.speed = next
  }

  #tick(): void {
    const now = performance.now()
    this.atMs = advance(this.track, this.atMs, (now - this.#tickedAt) * this.speed)
    this.#tickedAt = now
    if (this.atMs >= this.durationMs) this.pause()
  }
}
