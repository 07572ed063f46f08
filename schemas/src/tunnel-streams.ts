/**
 * The open streams of one end of a way. A gap shows at the next frame, but after the last frame of a direction and after
 * a reset there is none. So both ends say now and then which streams are open and how they stand (ADR 19).
 */
import { StreamTable } from './stream-table.ts'
import { encodeReset, ResetCode } from './tunnel-frame.ts'
import { decodeStandings, encodeStandings } from './tunnel-standing.ts'
import { TunnelStream } from './tunnel-stream.ts'
import type { TunnelWay } from './tunnel-way.ts'

export const tellEveryMs = 30_000
/** What comes sooner after the last is not looked at: each line of it may cost a reset. */
const hearEveryMs = 10_000

export class TunnelStreams {
  readonly #way: TunnelWay
  readonly #open = new StreamTable<TunnelStream>()
  #timer: ReturnType<typeof setInterval> | undefined
  #heardAt = Number.NEGATIVE_INFINITY

  constructor(way: TunnelWay) {
    this.#way = way
  }

  get size(): number {
    return this.#open.size
  }

  get(id: number): TunnelStream | undefined {
    return this.#open.get(id)
  }

  open(id: number): TunnelStream {
    const stream = new TunnelStream(id, this.#way, () => this.#closed(id))
    this.#open.add(stream)
    this.#timer ??= setInterval(() => this.#tell(), tellEveryMs)
    return stream
  }

  /** Ends all; the other end learns why. */
  reset(code: ResetCode): void {
    for (const stream of this.#open.all()) stream.reset(code)
  }

  /** Ends all here only: the other end is gone or knows. */
  fail(code: ResetCode, text: string): void {
    for (const stream of this.#open.all()) stream.fail(code, text)
  }

  /** What the other end says of its streams. One that has ended here would stay open there for ever. @throws TravessiaError FRAME_INVALID */
  hear(payload: Uint8Array): void {
    const now = performance.now()
    if (now - this.#heardAt < hearEveryMs) return
    this.#heardAt = now
    for (const standing of decodeStandings(payload)) {
      const stream = this.#open.get(standing.streamId)
      if (stream) stream.compare(standing)
      else this.#way.send(encodeReset(standing.streamId, ResetCode.lost, 'no such stream'))
    }
  }

  #tell(): void {
    this.#way.send(encodeStandings(this.#open.all().map(({ standing }) => standing)))
  }

  #closed(id: number): void {
    this.#open.delete(id)
    if (this.#open.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
