/** What the streams of one agent share at one end: the way out, on which they take turns, and the spare window. */
import { SpareWindow } from './tunnel-window.ts'

export class TunnelWay {
  /** @returns false: the link is gone */
  readonly send: (frame: Uint8Array) => boolean
  readonly spare = new SpareWindow()
  readonly #full: () => Promise<void> | undefined
  readonly #waiting: Array<() => void> = []
  #isServing = false

  /** @param full undefined: the socket takes more; else resolves when it does again */
  constructor(
    send: (frame: Uint8Array) => boolean,
    full: () => Promise<void> | undefined = () => undefined,
  ) {
    this.send = send
    this.#full = full
  }

  /** Asked for before each data frame. undefined: now; else resolves when all who came earlier have sent one. */
  turn(): Promise<void> | undefined {
    if (!this.#isServing && this.#full() === undefined) return undefined
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (!this.#isServing) void this.#serve()
    })
  }

  async #serve(): Promise<void> {
    this.#isServing = true
    while (this.#waiting.length > 0) {
      await this.#full()
      this.#waiting.shift()?.()
      // It sends now, and asks for its next turn behind the others.
      await undefined
    }
    this.#isServing = false
  }
}
