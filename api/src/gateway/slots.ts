/** At most so many at once; the others wait in order, and beyond a limit are refused. */
import { TravessiaError } from '@travessia/schemas/errors'
import { type Leaving, onceGone } from './departure.ts'

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
  async take(leaving: Leaving): Promise<() => void> {
    if (!this.takeNow(leaving)) await this.turn(leaving)
    let isFreed = false
    return () => {
      if (!isFreed) this.free()
      isFreed = true
    }
  }

  /** @returns false: there is none, `turn` waits for it. @throws as `take` */
  takeNow(leaving: Leaving): boolean {
    if (leaving.aborted) throw new TravessiaError('TUNNEL_BUSY')
    if (this.#used >= this.#max) return false
    this.#used += 1
    return true
  }

  /** Once for each that was taken. */
  free(): void {
    const [next] = this.#waiting
    if (next) next()
    else this.#used -= 1
  }

  /** @throws as `take` */
  async turn(leaving: Leaving): Promise<void> {
    if (this.#waiting.size >= this.#maxWaiting) throw new TravessiaError('TUNNEL_BUSY')
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        this.#waiting.delete(go)
        resolve()
      }
      this.#waiting.add(go)
      onceGone(leaving, () => {
        if (this.#waiting.delete(go)) reject(new TravessiaError('TUNNEL_BUSY'))
      })
    })
  }
}
