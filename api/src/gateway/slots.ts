/** At most so many at once; the others wait in order, and beyond a limit are refused. */
import { TravessiaError } from '@travessia/schemas/errors'

export class Slots {
  readonly #max: number
  readonly #maxWaiting: number
  #used = 0
  readonly #waiting: Array<() => void> = []

  constructor(max: number, maxWaiting: number) {
    this.#max = max
    this.#maxWaiting = maxWaiting
  }

  /** Resolves to what frees the slot. @throws TravessiaError TUNNEL_BUSY */
  async take(): Promise<() => void> {
    if (this.#used >= this.#max) {
      if (this.#waiting.length >= this.#maxWaiting) throw new TravessiaError('TUNNEL_BUSY')
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else {
      this.#used += 1
    }
    return () => {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#used -= 1
    }
  }
}
