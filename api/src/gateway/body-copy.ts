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

/** `unwanted`: made only to look for secrets. */
type NotKept = LeftOut | 'unwanted'

type Wanted = { readonly maxBytes?: number; readonly notKept?: NotKept }

export class BodyCopy {
  readonly #room: CopyRoom
  readonly maxBytes: number
  /** Why it is not to be kept, when that is known before it begins. */
  readonly notKept: NotKept | undefined
  #chunks: Buffer[] = []
  #bytes = 0
  #isBusy = false
  #isCut = false
  #isEmpty = true

  constructor(room: CopyRoom, { maxBytes = maxCopyBytes, notKept }: Wanted = {}) {
    this.#room = room
    this.maxBytes = maxBytes
    this.notKept = notKept
  }

  add(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#isEmpty = false
    if (this.#isBusy || this.#isCut) return
    const taken = Math.min(chunk.length, this.maxBytes - this.#bytes)
    if (taken < chunk.length) this.#isCut = true
    if (!this.#room.take(taken)) {
      this.drop()
      this.#isBusy = true
      return
    }
    this.#bytes += taken
    this.#chunks.push(Buffer.from(chunk.subarray(0, taken)))
  }

  get isEmpty(): boolean {
    return this.#isEmpty
  }

  /** The node had no room for it. */
  get isBusy(): boolean {
    return this.#isBusy
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
