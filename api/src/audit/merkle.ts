/**
 * The tree of RFC 6962 over leaf hashes: root, proofs of inclusion and of consistency, and their verification. A proof is a
 * list of spans `[from, to)` of leaves, whose subtree hashes are found in one pass over the leaves (`SubtreeHashes`).
 */
import { createHash, hash } from 'node:crypto'

export type Span = readonly [from: number, to: number]

const nodePrefix = Buffer.from([1])
/** Of no leaves. */
export const emptyRoot = hash('sha256', '', 'buffer')

export function leafHash(bytes: string | Uint8Array): Buffer {
  return createHash('sha256').update('\0').update(bytes).digest()
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([nodePrefix, left, right]), 'buffer')
}

/** All that must be kept to append and to know the root: the roots of the full subtrees, one for each bit of the size. */
export class Frontier {
  #size = 0
  /** Largest first. */
  readonly #roots: Buffer[] = []

  get size(): number {
    return this.#size
  }

  /** @param sees is told each full subtree that this leaf completes, itself included */
  push(leaf: Buffer, sees?: (span: Span, root: Buffer) => void): void {
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

  root(): Buffer {
    return this.#roots.reduceRight<Buffer | undefined>(foldLeft, undefined) ?? emptyRoot
  }
}

function foldLeft(right: Buffer | undefined, left: Buffer): Buffer {
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
  readonly #roots = new Map<number, Buffer | undefined>()

  want(span: Span): void {
    for (const full of fullSpans(span)) this.#roots.set(keyOf(full), undefined)
  }

  /** For `Frontier.push`. */
  readonly see = (span: Span, root: Buffer): void => {
    const key = keyOf(span)
    if (this.#roots.has(key)) this.#roots.set(key, root)
  }

  /** @throws TypeError for a span that was not wanted or not yet passed */
  hashOf(span: Span): Buffer {
    const roots = fullSpans(span).map((full) => this.#roots.get(keyOf(full)))
    if (roots.includes(undefined)) throw new TypeError(`no hash of ${span.join('-')}`)
    return roots.reduceRight<Buffer | undefined>(
      (right, left) => left && foldLeft(right, left),
      undefined,
    ) as Buffer
  }
}

/** A span that begins where a subtree does is made of full ones, largest first. */
function fullSpans([from, to]: Span): Span[] {
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

export type Tree = { readonly size: number; readonly root: Buffer }

export function isIncluded(
  leaf: Buffer,
  index: number,
  tree: Tree,
  path: readonly Buffer[],
): boolean {
  if (index < 0 || index >= tree.size) return false
  return climb(leaf, index, tree.size, path)?.equals(tree.root) ?? false
}

function climb(
  leaf: Buffer,
  index: number,
  size: number,
  path: readonly Buffer[],
): Buffer | undefined {
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

/** Whether `later` begins with exactly the leaves of `earlier`. */
export function isConsistent(earlier: Tree, later: Tree, proof: readonly Buffer[]): boolean {
  if (earlier.size === 0) return proof.length === 0 && earlier.root.equals(emptyRoot)
  const roots = climbBoth(earlier.size, later.size, proof, earlier.root)
  return (roots?.[0].equals(earlier.root) && roots[1].equals(later.root)) ?? false
}

/** The roots of both trees as the proof has them; `whole`: the earlier one is this subtree, and so not in the proof. */
function climbBoth(
  first: number,
  size: number,
  proof: readonly Buffer[],
  whole?: Buffer,
): readonly [Buffer, Buffer] | undefined {
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
