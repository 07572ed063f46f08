/** The beginning of one body as it passes, copied: what it stood in belongs to the tunnel. Bounded here and over all of the node. */
import type { LeftOut } from '@travessia/schemas/captured'

export const maxCopyBytes = 1024 * 1024

/** What all copies of the node hold at once. */
export class CopyRoom {
  #freeBytes: number

  constructor(bytes: number) {
    this.#freeBytes = bytes
  }

  take(bytes: number): boolean {
    if (bytes > this.#freeBytes) return false
    this.#freeBytes -= bytes
    return true
  }

  give(bytes: number): void {
    this.#freeBytes += bytes
  }
}

export class BodyCopy {
  readonly #room: CopyRoom
  #chunks: Buffer[] = []
  #bytes = 0
  #leftOut: LeftOut | undefined
  #isCut = false
  #isEmpty = true

  constructor(room: CopyRoom, leftOut?: LeftOut) {
    this.#room = room
    this.#leftOut = leftOut
  }

  add(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#isEmpty = false
    if (this.#leftOut || this.#isCut) return
    const taken = Math.min(chunk.length, maxCopyBytes - this.#bytes)
    if (taken < chunk.length) this.#isCut = true
    if (!this.#room.take(taken)) {
      this.drop()
      this.#leftOut = 'busy'
      return
    }
    this.#bytes += taken
    this.#chunks.push(Buffer.from(chunk.subarray(0, taken)))
  }

  get isEmpty(): boolean {
    return this.#isEmpty
  }

  get leftOut(): LeftOut | undefined {
    return this.#leftOut
  }

  get isCut(): boolean {
    return this.#isCut
  }

  /** In a buffer of its own, which may be given away. To be dropped afterwards. */
  whole(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.#bytes)
    let at = 0
    for (const chunk of this.#chunks) {
      whole.set(chunk, at)
      at += chunk.length
    }
    return whole
  }

  drop(): void {
    this.#room.give(this.#bytes)
    this.#chunks = []
    this.#bytes = 0
  }
}
