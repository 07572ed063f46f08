/**
 * Room for one: what is newer takes the place of what nobody has taken yet. A slow reader of a camera so misses
 * whole pictures and never gets an old one, and no queue grows.
 */
export class Latest<T> {
  #value: T | undefined
  #isEnded = false
  #error: unknown
  #wake: (() => void) | undefined

  put(value: T): void {
    if (this.#isEnded) return
    this.#value = value
    this.#wake?.()
  }

  /** Nothing comes any more; with an error the reader gets it. What was not taken is forgotten. */
  end(error?: unknown): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#error = error
    this.#value = undefined
    this.#wake?.()
  }

  /** The newest that was not taken yet, now or when it comes; undefined: ended. For one reader at a time. */
  async next(): Promise<T | undefined> {
    while (this.#value === undefined) {
      if (this.#error !== undefined) throw this.#error
      if (this.#isEnded) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const value = this.#value
    this.#value = undefined
    return value
  }
}
