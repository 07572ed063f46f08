/**
 * One request to a device as undici's events tell it, without the streams and signals around them that most answers
 * never need. Pieces wait here until they are asked for, and beyond a bound the device waits with them.
 */
import type { Dispatcher } from 'undici'

/** One read of a socket. */
const maxHeldBytes = 64 * 1024
/** What is thrown away to keep a connection; more costs less as a new one. */
const maxDroppedBytes = 128 * 1024

type Head = { readonly status: number; readonly headers: string[] }

export class DeviceAnswer implements AsyncIterable<Uint8Array>, Dispatcher.DispatchHandler {
  /** Headers are flat and raw, as latin1. Rejects with undici's error when the device gives no answer. */
  readonly head: Promise<Head>
  #controller: Dispatcher.DispatchController | undefined
  #held: Buffer[] = []
  #heldBytes = 0
  #isOver = false
  #error: Error | undefined
  #wake: (() => void) | undefined
  #resolve: (head: Head) => void = () => undefined
  #reject: (error: Error) => void = () => undefined

  constructor() {
    this.head = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Whoever asked may have left.
    this.head.catch(() => undefined)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#error) controller.abort(this.#error)
  }

  onResponseStart({ rawHeaders }: Dispatcher.DispatchController, status: number): void {
    // 1xx is between hops.
    if (status >= 200) this.#resolve({ status, headers: textsOf(rawHeaders) })
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    this.#held.push(piece)
    this.#heldBytes += piece.length
    if (this.#heldBytes >= maxHeldBytes) controller.pause()
    this.#wake?.()
  }

  onResponseEnd(): void {
    this.#isOver = true
    this.#wake?.()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error)
  }

  /** All that the device said, if it is here already and not more than that; undefined: it is still coming. */
  whole(maxBytes: number): Uint8Array | undefined {
    if (!this.#isOver || this.#heldBytes > maxBytes) return undefined
    const whole = joined(this.#held)
    this.#held = []
    return whole
  }

  /** Pieces as they come, each once. @throws undici's error when the device broke off */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#held.shift()
      if (piece) {
        this.#heldBytes -= piece.length
        if (this.#controller?.paused && this.#heldBytes < maxHeldBytes) this.#controller.resume()
        yield piece
      } else if (this.#error) throw this.#error
      else if (this.#isOver) return
      else await this.#next()
    }
  }

  /** Reads a short rest, so that the connection can be used again. */
  async drop(): Promise<void> {
    let bytes = 0
    try {
      for await (const piece of this) {
        bytes += piece.length
        if (bytes > maxDroppedBytes) return this.abort()
      }
    } catch {
      // It was not wanted.
    }
  }

  /** Ends the request, also one that still waits for its turn. */
  abort(): void {
    const error = new Error('not wanted any more')
    this.#fail(error)
    this.#controller?.abort(error)
  }

  async #next(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }

  #fail(error: Error): void {
    if (this.#isOver) return
    this.#error ??= error
    this.#reject(this.#error)
    this.#wake?.()
  }
}

/** Most answers come in one piece, which is not copied. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces
  return only && pieces.length === 1 ? only : Buffer.concat(pieces)
}

function textsOf(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return []
  return raw.map((text) => (typeof text === 'string' ? text : text.toString('latin1')))
}
