/**
 * Open streams by their id. Not a `Map`: one that lives long is given a new table every few dozen deletions, and each dead
 * table keeps the streams it held until the next collection of everything (ADR 34). Here a place is cleared when it is left.
 */
type Numbered = { readonly id: number }

const firstPlaces = 16

export class StreamTable<Stream extends Numbered> {
  /** Open addressing, at most half full. */
  #places: Array<Stream | undefined> = places(firstPlaces)
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): Stream | undefined {
    return this.#places[this.#placeOf(id)]
  }

  /** Its id is not there yet. */
  add(stream: Stream): void {
    if (this.#size * 2 === this.#places.length) this.#grow()
    this.#places[this.#placeOf(stream.id)] = stream
    this.#size += 1
  }

  delete(id: number): void {
    let place = this.#placeOf(id)
    if (this.#places[place] === undefined) return
    this.#places[place] = undefined
    this.#size -= 1
    // Who stands behind may have had to pass by here.
    for (;;) {
      place = this.#after(place)
      const next = this.#places[place]
      if (next === undefined) return
      this.#places[place] = undefined
      this.#places[this.#placeOf(next.id)] = next
    }
  }

  /** All that are there now. */
  all(): Stream[] {
    return this.#places.filter((stream) => stream !== undefined)
  }

  /** Where it is, or would be. */
  #placeOf(id: number): number {
    let place = id & (this.#places.length - 1)
    while ((this.#places[place]?.id ?? id) !== id) place = this.#after(place)
    return place
  }

  #after(place: number): number {
    return (place + 1) & (this.#places.length - 1)
  }

  #grow(): void {
    const streams = this.all()
    this.#places = places(this.#places.length * 2)
    for (const stream of streams) this.#places[this.#placeOf(stream.id)] = stream
  }
}

function places<Stream>(count: number): Array<Stream | undefined> {
  return new Array<Stream | undefined>(count).fill(undefined)
}
