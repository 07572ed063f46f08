/**
 * What is under way in a session and must be cut when that ends. Not a `Set`: one that lives long keeps what it once held,
 * and with it every exchange, until the next collection of everything (ADR 34). Here a place is cleared when it is left.
 */
export type Cut = { readonly now: () => void; place: number }

export class Cuts {
  readonly #under: Cut[] = []

  get size(): number {
    return this.#under.length
  }

  add(now: () => void): Cut {
    const cut = { now, place: this.#under.length }
    this.#under.push(cut)
    return cut
  }

  /** It has ended by itself. */
  remove(cut: Cut): void {
    if (this.#under[cut.place] !== cut) return
    const last = this.#under.pop()
    if (!last || last === cut) return
    last.place = cut.place
    this.#under[cut.place] = last
  }

  /** Cuts all, each once. */
  cut(): void {
    for (const { now } of this.#under.splice(0)) now()
  }
}
