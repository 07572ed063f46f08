/**
 * The tree of RFC 6962 over leaf hashes: root, proofs of inclusion and of consistency, and their verification. A proof is a
 * list of spans `[from, to)` of leaves, whose subtree hashes are found in one pass over the leaves (`SubtreeHashes`).
 */
import { concat, isSame, utf8 } from './bytes.ts'
import { sha256 } from './crypto.ts'

export type Span = readonly [from: number, to: number]

const leafPrefix = Uint8Array.of(0)
const nodePrefix = Uint8Array.of(1)
/** Of no leaves. */
export const emptyRoot = sha256(new Uint8Array())

export function leafHash(bytes: string | Uint8Array): Uint8Array {
  return sha256(concat(leafPrefix, typeof bytes === 'string' ? utf8(bytes) : bytes))
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(nodePrefix, left, right))
}

/** All that must be kept to append and to know the root: the roots of the full subtrees, one for each bit of the size. */
export class Frontier {
  #size = 0
  /** Largest first. */
  readonly #roots: Uint8Array[] = []

  get size(): number {
    return this.#size
  }

  /** @param sees is told each full subtree that this leaf completes, itself included */
  push(leaf: Uint8Array, sees?: (span: Span, root: Uint8Array) => void): void {
    let root = leaf
    let from = this.#size
    this.#size += 1
    sees?.([from, this.#size], root)
    for (let rest = from; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      root = nodeHash(this.#roots.pop() ?? emptyRoot, root)
      from -= this.#size - from
      sees?.([from, this.#size], root)
    }
    this.#roots.push(root)
  }

  root(): Uint8Array {
    return this.#roots.reduceRight<Uint8Array | undefined>(foldLeft, undefined) ?? emptyRoot
  }
}

function foldLeft(right: Uint8Array | undefined, left: Uint8Array): Uint8Array {
  return right ? nodeHash(left, right) : left
}

/** What proves the leaf `index` in the tree of `size`: PATH of RFC 6962, 2.1.1. */
export function inclusionSpans(index: number, [from, to]: Span): Span[] {
  if (to - from <= 1) return []
  const middle = from + splitOf(to - from)
  return index < middle
    ? [...inclusionSpans(index, [from, middle]), [middle, to]]
    : [...inclusionSpans(index, [middle, to]), [from, middle]]
}

/** What proves that the tree of `size` begins with the tree of `first` leaves: PROOF of RFC 6962, 2.1.2. */
export function consistencySpans(first: number, size: number): Span[] {
  return first === 0 ? [] : subproof(first, [0, size], true)
}

function subproof(first: number, [from, to]: Span, isWhole: boolean): Span[] {
  if (first === to) return isWhole ? [] : [[from, to]]
  const middle = from + splitOf(to - from)
  return first <= middle
    ? [...subproof(first, [from, middle], isWhole), [middle, to]]
    : [...subproof(first, [middle, to], false), [from, middle]]
}

/** Hashes of the wanted spans, gathered while a frontier passes over the leaves: nothing else is kept. */
export class SubtreeHashes {
  readonly #roots = new Map<number, Uint8Array | undefined>()

  want(span: Span): void {
    for (const full of fullSpans(span)) this.#roots.set(keyOf(full), undefined)
  }

  /** For `Frontier.push`. */
  readonly see = (span: Span, root: Uint8Array): void => {
    const key = keyOf(span)
    if (this.#roots.has(key)) this.#roots.set(key, root)
  }

  /** @throws TypeError for a span that was not wanted or not yet passed */
  hashOf(span: Span): Uint8Array {
    const roots = fullSpans(span).map((full) => this.#roots.get(keyOf(full)))
    if (roots.includes(undefined)) throw new TypeError(`no hash of ${span.join('-')}`)
    return roots.reduceRight<Uint8Array | undefined>(
      (right, left) => left && foldLeft(right, left),
      undefined,
    ) as Uint8Array
  }
}

/** A span that begins where a subtree does is made of full ones, largest first. */
export function fullSpans([from, to]: Span): Span[] {
  const spans: Span[] = []
  for (let start = from; start < to; ) {
    const end = start + 2 ** Math.floor(Math.log2(to - start))
    spans.push([start, end])
    start = end
  }
  return spans
}

function keyOf([from, to]: Span): number {
  return from * 64 + Math.log2(to - from)
}

export type Tree = { readonly size: number; readonly root: Uint8Array }

export function isIncluded(
  leaf: Uint8Array,
  index: number,
  tree: Tree,
  path: readonly Uint8Array[],
): boolean {
  if (index < 0 || index >= tree.size) return false
  const root = climb(leaf, index, tree.size, path)
  return root !== undefined && isSame(root, tree.root)
}

function climb(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  const beside = path.at(-1)
  if (size === 1) return beside ? undefined : leaf
  if (!beside) return undefined
  const middle = splitOf(size)
  const rest = path.slice(0, -1)
  if (index < middle) {
    const below = climb(leaf, index, middle, rest)
    return below && nodeHash(below, beside)
  }
  const below = climb(leaf, index - middle, size - middle, rest)
  return below && nodeHash(beside, below)
}

/**
 * What a proof says of two trees: that `later` begins with exactly the leaves of `earlier`; that it begins with others; or, when
 * it does not lead to `later`, nothing.
 */
export function consistency(
  earlier: Tree,
  later: Tree,
  proof: readonly Uint8Array[],
): 'same' | 'other' | 'unproven' {
  if (earlier.size === 0)
    return proof.length === 0 && isSame(earlier.root, emptyRoot) ? 'same' : 'unproven'
  if (earlier.size === later.size && !isSame(earlier.root, later.root)) return 'other'
  const roots = climbBoth(earlier.size, later.size, proof, earlier.root)
  if (!roots || !isSame(roots[1], later.root)) return 'unproven'
  return isSame(roots[0], earlier.root) ? 'same' : 'other'
}

export function isConsistent(...trees: Parameters<typeof consistency>): boolean {
  return consistency(...trees) === 'same'
}

/** The roots of both trees as the proof has them; `whole`: the earlier one is this subtree, and so not in the proof. */
function climbBoth(
  first: number,
  size: number,
  proof: readonly Uint8Array[],
  whole?: Uint8Array,
): readonly [Uint8Array, Uint8Array] | undefined {
  const beside = proof.at(-1)
  const rest = proof.slice(0, -1)
  if (first === size) {
    const same = whole ?? beside
    return same && rest.length === 0 && (whole === undefined || !beside) ? [same, same] : undefined
  }
  if (!beside) return undefined
  const middle = splitOf(size)
  if (first <= middle) {
    const below = climbBoth(first, middle, rest, whole)
    return below && [below[0], nodeHash(below[1], beside)]
  }
  const below = climbBoth(first - middle, size - middle, rest)
  return below && [nodeHash(beside, below[0]), nodeHash(beside, below[1])]
}

/** The largest power of two below `size`. */
function splitOf(size: number): number {
  return 2 ** Math.ceil(Math.log2(size) - 1)
}
