/** Events of a whole log whose leaf is there and whose text is not: for a reason only that the log itself gives. */

export class Expired {
  readonly #places: number[] = []
  /** First and last place, as each `RetentionApplied` of the log says. */
  readonly #said: Array<readonly [number, number]> = []

  get count(): number {
    return this.#places.length
  }

  /** In the order of the log. */
  add(place: number): void {
    this.#places.push(place)
  }

  /** @param spans of a `RetentionApplied`; what is none says nothing */
  hear(spans: unknown): void {
    if (!Array.isArray(spans)) return
    for (const span of spans) {
      const [first, last] = Array.isArray(span) ? span.map(Number) : []
      if (Number.isInteger(first) && Number.isInteger(last))
        this.#said.push([Number(first), Number(last)])
    }
  }

  /** Places without a text that no retention has named. */
  unsaid(): number[] {
    const said = this.#said.toSorted(([a], [b]) => a - b)
    let next = 0
    let reach = -1
    return this.#places.filter((place) => {
      for (; (said[next]?.[0] ?? Number.POSITIVE_INFINITY) <= place; next += 1)
        reach = Math.max(reach, said[next]?.[1] ?? -1)
      return place > reach
    })
  }
}
