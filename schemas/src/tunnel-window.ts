/**
 * How many bytes of a stream may be under way in one direction (ADR 14). The receiver decides: each stream always has
 * `initialWindowBytes`; what a fast one has beyond them comes from the `agentWindowBytes` that all streams of an agent
 * share. So a stream that stands still holds its own window and nothing of another's.
 */
import {
  agentWindowBytes,
  type Credit,
  initialWindowBytes,
  maxWindowBytes,
} from './tunnel-frame.ts'
import type { Account } from './tunnel-standing.ts'

/** What a data frame counts at least: empty ones cost memory too. */
const minFrameBytes = 64
/** A reader that takes a whole window in this time gets a larger one: at its own rate, what is under way is soon gone. */
const fastMs = 100

function costOf(bytes: number): number {
  return Math.max(bytes, minFrameBytes)
}

/** What windows have beyond their first size, over all streams of an agent in one direction. */
export class SpareWindow {
  #left = agentWindowBytes

  get left(): number {
    return this.#left
  }

  /** @returns how much of it there was */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.#left)
    this.#left -= taken
    return taken
  }

  giveBack(bytes: number): void {
    this.#left += bytes
  }
}

/** The sender's side: it obeys what was granted and nothing else. */
export class SendWindow {
  #window = initialWindowBytes
  #underWay = 0
  /** In all, modulo 2^32. */
  #granted = 0

  /** Payload that the next frame may carry; 0: none, wait for credit. */
  get room(): number {
    const room = this.#window - this.#underWay
    return room < minFrameBytes ? 0 : room
  }

  sent(bytes: number): void {
    this.#underWay += costOf(bytes)
  }

  /** @returns false: not what was sent, or no window that there is; it would unbind what is under way */
  granted({ consumed, window }: Credit): boolean {
    if (consumed > this.#underWay || window < this.#window || window > maxWindowBytes) return false
    this.#underWay -= consumed
    this.#window = window
    this.#granted = (this.#granted + consumed) >>> 0
    return true
  }

  /** Makes good for credit that was lost. @returns as `granted` */
  settled({ granted, window }: Account): boolean {
    return this.granted({ consumed: (granted - this.#granted) >>> 0, window })
  }
}

/** The receiver's side: what it holds, and what it grants. */
export class ReceiveWindow {
  readonly #spare: SpareWindow
  #window = initialWindowBytes
  /** Received and not yet granted anew. */
  #held = 0
  #consumed = 0
  /** In all, modulo 2^32. */
  #granted = 0
  /** Since when how much of a window has been consumed. */
  #since = 0
  #passed = 0

  constructor(spare: SpareWindow) {
    this.#spare = spare
  }

  get account(): Account {
    return { granted: this.#granted, window: this.#window }
  }

  /** @returns false: more than was granted */
  received(bytes: number): boolean {
    this.#held += costOf(bytes)
    return this.#held <= this.#window
  }

  /** A quarter of the window at a time, so that credit frames stay few. */
  consumed(bytes: number, now: number): Credit | undefined {
    if (this.#passed === 0 && this.#consumed === 0) this.#since = now
    this.#consumed += costOf(bytes)
    if (this.#consumed < this.#window / 4) return undefined
    const consumed = this.#consumed
    this.#held -= consumed
    this.#granted = (this.#granted + consumed) >>> 0
    this.#consumed = 0
    this.#growIfFast(consumed, now)
    return { consumed, window: this.#window }
  }

  /** Nothing comes any more. */
  close(): void {
    this.#spare.giveBack(this.#window - initialWindowBytes)
    this.#window = initialWindowBytes
  }

  #growIfFast(consumed: number, now: number): void {
    this.#passed += consumed
    if (this.#passed < this.#window) return
    if (now - this.#since <= fastMs)
      this.#window += this.#spare.take(Math.min(this.#window, maxWindowBytes - this.#window))
    this.#passed = 0
  }
}
