/**
 * Hashes of the subtrees of one tenant's tree, for proofs: those of 256 leaves and more are kept (some 10 KB for 10,000 events),
 * smaller ones are made anew from at most two rows of 256 leaves of the log.
 */
import { Frontier, fullSpans, nodeHash, type Span } from '@travessia/schemas/evidence/merkle'

export const rowLeaves = 256

/** 256 leaves of the log, or the rest of it, from after this position. */
type ReadRow = (after: number, limit: number) => Promise<readonly Uint8Array[]>

export class TreeHashes {
  readonly #frontier = new Frontier()
  readonly #kept = new Map<string, Uint8Array>()
  /** Position in the log before the first leaf of each row. */
  readonly #before: number[] = []
  #position = 0

  get size(): number {
    return this.#frontier.size
  }

  /** Of the newest leaf. */
  get position(): number {
    return this.#position
  }

  /** In the log, of what is before the first leaf of this row. */
  positionBefore(row: number): number {
    return this.#before[row] ?? 0
  }

  root(): Uint8Array {
    return this.#frontier.root()
  }

  push(leaf: Uint8Array, position: number): void {
    if (this.size % rowLeaves === 0) this.#before.push(this.#position)
    this.#position = position
    this.#frontier.push(leaf, (span, root) => {
      if (span[1] - span[0] >= rowLeaves) this.#kept.set(span.join('-'), root)
    })
  }

  /** @throws RangeError for a span that is not within the tree */
  async hashOf(span: Span, readRow: ReadRow): Promise<Uint8Array> {
    const roots: Uint8Array[] = []
    for (const full of fullSpans(span))
      roots.push(this.#kept.get(full.join('-')) ?? (await this.#small(full, readRow)))
    const [last, ...before] = roots.reverse()
    if (!last || span[1] > this.size) throw new RangeError(`no hash of ${span.join('-')}`)
    return before.reduce((right, left) => nodeHash(left, right), last)
  }

  async #small([from, to]: Span, readRow: ReadRow): Promise<Uint8Array> {
    const row = Math.floor(from / rowLeaves)
    const leaves = await readRow(this.positionBefore(row), rowLeaves)
    const frontier = new Frontier()
    for (const leaf of leaves.slice(from - row * rowLeaves, to - row * rowLeaves))
      frontier.push(leaf)
    if (frontier.size !== to - from) throw new RangeError(`the log has no leaves ${from}-${to}`)
    return frontier.root()
  }
}
