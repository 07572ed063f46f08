/** Events of a whole log whose leaf is there and whose text is not: for a reason only that the log itself gives. */

import type { Placed } from './whole-log.ts'

export class Retentions {
  /** First and last place, as each `RetentionApplied` of the log says. */
  readonly #said: Array<readonly [number, number]> = []

  /** @param spans of a `RetentionApplied`; what is none says nothing */
  hear(spans: unknown): void {
    if (!Array.isArray(spans)) return
    for (const span of spans) {
      const [first, last] = Array.isArray(span) ? span.map(Number) : []
      if (Number.isInteger(first) && Number.isInteger(last))
        this.#said.push([Number(first), Number(last)])
    }
  }

  /** Of places without a text, in their order, those that no retention has named. */
  unsaid(expired: readonly Placed[]): number[] {
    const said = this.#said.toSorted(([a], [b]) => a - b)
    let next = 0
    let reach = -1
    return expired
      .map(({ place }) => place)
      .filter((place) => {
        for (; (said[next]?.[0] ?? Number.POSITIVE_INFINITY) <= place; next += 1)
          reach = Math.max(reach, said[next]?.[1] ?? -1)
        return place > reach
      })
  }
}
