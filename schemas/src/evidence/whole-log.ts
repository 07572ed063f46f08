/**
 * The tree of a whole log built again from its leaves: where it has a root that was signed, every leaf before is proven. Before
 * the first signed root that it misses is an event which is another; of what follows that nothing can be told.
 */
import { fromBase64, isSame } from './bytes.ts'
import { checkpointFindings, type Text } from './findings.ts'
import { emptyRoot, Frontier, type Tree } from './merkle.ts'
import type { NotedTree } from './noted-tree.ts'
import type { Standing } from './witness-check.ts'

/** What is said of the log: by the bundle, and by what was kept from before. */
export type Said = { readonly own: readonly NotedTree[]; readonly before: readonly NotedTree[] }
export type Placed = { readonly place: number; readonly leaf: string | undefined }
/** First and last place; `hole`: the first leaf that is not there, so that no root could be compared. */
type Unproven = { readonly first: number; readonly last: number; readonly hole?: number }

export class WholeLog {
  readonly #said: Said
  readonly #frontier = new Frontier()
  /** Root of each size that something is said of, as far as it was built. */
  readonly #roots = new Map<number, Uint8Array | undefined>([[0, emptyRoot]])
  #proven: number | undefined

  constructor(said: Said, sizes: readonly number[]) {
    this.#said = said
    for (const { size } of this.#trees()) this.#roots.set(size, this.#roots.get(size))
    for (const size of sizes) this.#roots.set(size, this.#roots.get(size))
  }

  /** What is not next is not taken: the tree ends where a leaf is missing. */
  see(place: number, leaf: Uint8Array): void {
    if (place !== this.#frontier.size) return
    this.#frontier.push(leaf)
    const { size } = this.#frontier
    if (this.#roots.has(size)) this.#roots.set(size, this.#frontier.root())
  }

  seeAll(leaves: Iterable<Placed>): this {
    for (const { place, leaf } of leaves) if (leaf !== undefined) this.see(place, fromBase64(leaf))
    return this
  }

  /** After all leaves, as is what follows: how many of them are what was signed. */
  get proven(): number {
    this.#proven ??=
      this.#trees()
        .filter((one) => this.#has(one))
        .sort((a, b) => b.size - a.size)
        .find((one) => one.isSigned())?.size ?? 0
    return this.#proven
  }

  /** Up to the first signed root that it misses. */
  unproven(): Unproven | undefined {
    const missed = this.#trees()
      .filter(({ size }) => size > this.proven)
      .sort((a, b) => a.size - b.size)
      .find((one) => one.isSigned())
    if (!missed) return undefined
    const span = { first: this.proven, last: missed.size - 1 }
    const { size } = this.#frontier
    return size < missed.size ? { ...span, hole: size } : span
  }

  /** Checkpoints that this log, proven as it is, does not continue: two histories were signed, or one was not. */
  apart(): Text[] {
    const { own, before } = this.#said
    const texts = own
      .filter((one) => this.#isApart(one))
      .map(({ line, size, isSigned }) =>
        isSigned() ? checkpointFindings.notBeginning(size) : checkpointFindings.unsigned(line),
      )
    const other = before.find((one) => this.#isApart(one) && one.isSigned())
    if (!other) return texts
    const shared = before.filter((one) => one.size < other.size && this.#has(one) && one.isSigned())
    return [checkpointFindings.rewritten(shared.at(-1)?.size ?? 0, other.size - 1), ...texts]
  }

  standingOf(witnessed: Tree): Standing {
    const isProven = witnessed.size <= this.proven
    const differs = this.#trees().some(
      (one) => one.size === witnessed.size && !isSame(one.root, witnessed.root) && one.isSigned(),
    )
    if (differs || (isProven && !this.#has(witnessed))) return 'fork'
    return isProven ? 'confirms' : 'untold'
  }

  #trees(): NotedTree[] {
    return [...this.#said.own, ...this.#said.before]
  }

  #isApart(one: Tree): boolean {
    return one.size <= this.proven && !this.#has(one)
  }

  #has({ size, root }: Tree): boolean {
    const built = this.#roots.get(size)
    return built !== undefined && isSame(built, root)
  }
}

/** Leaves of events and of what has expired, by their places; each list is in order. */
export function* inOrder(
  places: readonly number[],
  leaves: ReadonlyArray<string | undefined>,
  expired: readonly Placed[],
): Generator<Placed> {
  let gone = 0
  for (const [n, place] of places.entries()) {
    for (let next = expired[gone]; next && next.place < place; next = expired[gone]) {
      yield next
      gone += 1
    }
    yield { place, leaf: leaves[n] }
  }
  yield* expired.slice(gone)
}

/** First and last of each row of places that belong to nothing. */
export function holesIn(placed: Iterable<Placed>, size: number): Array<[number, number]> {
  const holes: Array<[number, number]> = []
  let next = 0
  for (const { place } of placed) {
    if (place > next) holes.push([next, place - 1])
    next = place + 1
  }
  if (next < size) holes.push([next, size - 1])
  return holes
}
