/** How the events that are there differ from those that were logged; each named by its place in the log and its id. */

/** In log order: where each event stands, its id, and its leaf; both are absent where the proof is. */
export type Logged = {
  readonly places: readonly number[]
  readonly ids: ReadonlyArray<string | undefined>
  readonly leaves: ReadonlyArray<string | undefined>
}
export type Found = { readonly ids: readonly string[]; readonly leaves: readonly string[] }

export type Problem = {
  /** `unproven`: it stands where one was logged of which there is no proof. */
  readonly what: 'altered' | 'missing' | 'reordered' | 'invented' | 'repeated' | 'unproven'
  /** Absent: it never had one. */
  readonly place?: number | undefined
  readonly id: string
}

/** `wrong`: in the order of what is there. `missing`: in the order of the log. */
export function compareEvents(
  logged: Logged,
  found: Found,
): { readonly wrong: Problem[]; readonly missing: Problem[] } {
  const own = new Map(logged.leaves.map((leaf, n) => [leaf, n]))
  const present = new Set<string | undefined>(found.leaves)
  const isAbsent = logged.places.map((_, n) => !present.has(logged.leaves[n]))
  const seen = new Set<number>()
  const wrong: Problem[] = []
  let next = 0
  /** Logged, not there, and before what comes next: of one of these a strange event took the place. */
  let replaceable: number[] = []
  const skipAbsent = () => {
    for (; isAbsent[next]; next += 1) replaceable.push(next)
  }
  const nameOf = (n: number) => ({ place: logged.places[n], id: logged.ids[n] ?? '' })
  const replacedBy = (id: string): Problem => {
    const replaced = replaceable.find((one) => logged.ids[one] === id) ?? replaceable[0]
    if (replaced === undefined) return { what: 'invented', id }
    isAbsent[replaced] = false
    replaceable = replaceable.filter((one) => one !== replaced)
    const what = logged.leaves[replaced] === undefined ? 'unproven' : 'altered'
    return { what, place: logged.places[replaced], id: logged.ids[replaced] ?? id }
  }
  const problemOf = (n: number): Problem | undefined => {
    if (seen.has(n)) return { what: 'repeated', ...nameOf(n) }
    seen.add(n)
    if (n !== next) return { what: 'reordered', ...nameOf(n) }
    replaceable = []
    return undefined
  }
  for (const [index, leaf] of found.leaves.entries()) {
    skipAbsent()
    // A leaf that is there twice counts where it was logged.
    const n = logged.leaves[next] === leaf ? next : own.get(leaf)
    const problem = n === undefined ? replacedBy(found.ids[index] ?? '?') : problemOf(n)
    if (problem) wrong.push(problem)
    while (seen.has(next)) next += 1
  }
  const missing = isAbsent.flatMap((is, n) =>
    is ? [{ what: 'missing' as const, ...nameOf(n) }] : [],
  )
  return { wrong, missing }
}
