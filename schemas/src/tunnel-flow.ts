/** What both ends of the tunnel count per stream: order of frames and byte credit. Pure. */
import { initialWindowBytes } from './tunnel-frame.ts'

/** Grants when a quarter of the window has been consumed, so that credit frames stay few. */
const grantShare = 4

/** One direction as its receiver sees it. */
export class Receiving {
  #nextSeq = 0
  #consumed = 0
  #outstanding = 0

  /** @returns false: a frame was lost, repeated, or came beyond the credit; the stream must be reset */
  accept(seq: number, creditedBytes: number): boolean {
    this.#outstanding += creditedBytes
    if (seq !== this.#nextSeq || this.#outstanding > initialWindowBytes) return false
    this.#nextSeq += 1
    return true
  }

  /** Bytes were handed on. @returns the credit to grant now, 0: not yet worth a frame */
  consume(bytes: number): number {
    this.#consumed += bytes
    if (this.#consumed * grantShare < initialWindowBytes) return 0
    const grant = this.#consumed
    this.#consumed = 0
    this.#outstanding -= grant
    return grant
  }
}

/** One direction as its sender sees it. */
export class Sending {
  #seq = 0
  #credit = initialWindowBytes

  get credit(): number {
    return this.#credit
  }

  nextSeq(): number {
    const seq = this.#seq
    this.#seq += 1
    return seq
  }

  spend(bytes: number): void {
    this.#credit -= bytes
  }

  grant(bytes: number): void {
    this.#credit += bytes
  }
}
