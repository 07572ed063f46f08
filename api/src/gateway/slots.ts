/** At most so many at once; the others wait in order, and beyond a limit are refused. */
import { TravessiaError } from '@travessia/schemas/errors'

export class Slots {
  readonly #max: number
  readonly #maxWaiting: number
  readonly #waiting = new Set<() => void>()
  #used = 0

  constructor(max: number, maxWaiting: number) {
    this.#max = max
    this.#maxWaiting = maxWaiting
  }

  /**
   * Resolves to what frees the slot. Who stops waiting takes none.
   * @throws TravessiaError TUNNEL_BUSY: too many wait, or the caller went away
   */
  async take(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw new TravessiaError('TUNNEL_BUSY')
    if (this.#used < this.#max) this.#used += 1
    else await this.#turn(signal)
    let isFreed = false
    return () => {
      if (isFreed) return
      isFreed = true
      const [next] = this.#waiting
      if (next) next()
      else this.#used -= 1
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#maxWaiting) throw new TravessiaError('TUNNEL_BUSY')
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        this.#waiting.delete(go)
        signal.removeEventListener('abort', leave)
        settle()
      }
      const go = () => end(resolve)
      const leave = () => end(() => reject(new TravessiaError('TUNNEL_BUSY')))
      this.#waiting.add(go)
      signal.addEventListener('abort', leave)
    })
  }
}
