/** What was logged, by the proofs of a bundle: where each event stands, its id and its leaf, as far as that is proven. */
import { hashesOf, parseLine } from './bundle-reader.ts'
import { fromBase64, toBase64 } from './bytes.ts'
import type { Found, Logged } from './compare-events.ts'
import { proofFindings, type Text } from './findings.ts'
import { type Manifest, placesOf } from './manifest.ts'
import { isIncluded, type Tree } from './merkle.ts'
import { holesIn, inOrder, type Placed, type Said, WholeLog } from './whole-log.ts'

type Proof = { logIndex: number; id: string; leaf: string; path: unknown; expired: unknown }
type Of = {
  readonly manifest: Manifest
  /** That everything here is proven by; undefined: nobody has signed it. */
  readonly tree: Tree | undefined
  readonly said: Said
  /** Of the trees that witnesses have signed. */
  readonly sizes: readonly number[]
}

/** Of a hostile bundle not all are kept. */
const maxFailed = 10_000

export class ProofCheck {
  readonly wrong: Text[] = []
  readonly missing: Text[] = []
  readonly expired: Placed[] = []
  readonly #of: Of
  readonly #isWhole: boolean
  readonly #places: readonly number[]
  readonly #at: ReadonlyMap<number, number>
  readonly #ids: Array<string | undefined>
  readonly #leaves: Array<string | undefined>
  /** Which event each line is of. */
  readonly #order: number[] = []
  /** Paths that do not lead from the leaf beside them to what was signed. */
  readonly #failed = new Map<number, Uint8Array[]>()
  #log: WholeLog

  constructor(of: Of) {
    this.#of = of
    this.#isWhole = of.manifest.scope === 'whole'
    this.#places = placesOf(of.manifest)
    this.#at = new Map(this.#places.map((place, n) => [place, n]))
    this.#ids = this.#places.map(() => undefined)
    this.#leaves = [...this.#ids]
    this.#log = this.#newLog()
  }

  see(line: Uint8Array): void {
    const proof = parseLine<Proof>(line)
    const [place, leaf] = [Number(proof.logIndex), fromBase64(String(proof.leaf))]
    const n = this.#at.get(place)
    if (proof.expired === true) return this.#seeExpired(place, leaf)
    if (n === undefined) {
      this.wrong.push(proofFindings.misplaced(`#${proof.logIndex} ${proof.id}`))
      return
    }
    this.#order.push(n)
    this.#ids[n] = String(proof.id)
    this.#leaves[n] = toBase64(leaf)
    if (this.#isWhole) this.#log.see(place, leaf)
    else this.#seePath(n, leaf, hashesOf(proof.path))
  }

  #seeExpired(place: number, leaf: Uint8Array): void {
    const last = this.expired.at(-1)?.place ?? -1
    const isInTurn = place > last && place < this.#of.manifest.size && !this.#at.has(place)
    if (!this.#isWhole || !isInTurn) {
      this.wrong.push(proofFindings.misplaced(`#${place}`))
      return
    }
    this.expired.push({ place, leaf: toBase64(leaf) })
    this.#log.see(place, leaf)
  }

  #seePath(n: number, leaf: Uint8Array, path: Uint8Array[]): void {
    if (this.#isProven(n, leaf, path)) return
    this.wrong.push(proofFindings.wrong(this.#nameOf(n)))
    if (this.#failed.size < maxFailed) this.#failed.set(n, path)
  }

  #isProven(n: number, leaf: Uint8Array, path: readonly Uint8Array[]): boolean {
    const { tree } = this.#of
    return tree !== undefined && isIncluded(leaf, this.#places[n] ?? 0, tree, path)
  }

  /**
   * After all lines. Where a proof is wrong or not there, the leaf of the event that stands in its place counts if that one is
   * proven: then it is not the event that was altered.
   * @param log of a whole one: the tree that proves the most
   */
  settle(found: Found): { readonly logged: Logged; readonly log: WholeLog | undefined } {
    this.#checkOrder()
    const isOneToOne = found.leaves.length === this.#places.length
    if (this.#isWhole) this.#settleWhole(isOneToOne ? found : undefined)
    else if (isOneToOne)
      for (const [n, path] of this.#failed) {
        const leaf = found.leaves[n]
        if (this.#isProven(n, fromBase64(leaf ?? ''), path)) this.#leaves[n] = leaf
      }
    const logged = { places: this.#places, ids: this.#ids, leaves: this.#leaves }
    return { logged, log: this.#isWhole ? this.#log : undefined }
  }

  #checkOrder(): void {
    const wanted = [...new Set(this.#order)].sort((a, b) => a - b)
    for (const [index, n] of this.#order.entries())
      if (n !== wanted[index]) this.wrong.push(proofFindings.misplaced(this.#nameOf(n)))
    const all = this.#places.length
    if (this.#order.length !== all) this.missing.push(proofFindings.count(this.#order.length, all))
  }

  #settleWhole(found: Found | undefined): void {
    const { size } = this.#of.manifest
    const inLog = (leaves: ReadonlyArray<string | undefined>) =>
      inOrder(this.#places, leaves, this.expired)
    for (const [first, last] of holesIn(inLog(this.#leaves), size))
      this.missing.push(proofFindings.hole(first, last))
    if (this.#log.proven >= size) return
    const byProofs = this.#newLog().seeAll(inLog(this.#leaves))
    const byEvents = found && this.#newLog().seeAll(inLog(found.leaves))
    this.#log = byProofs
    if (!found || !byEvents || byEvents.proven <= byProofs.proven) return
    this.#log = byEvents
    for (const [n, place] of this.#places.entries()) {
      if (place >= byEvents.proven) break
      if (this.#leaves[n] === found.leaves[n]) continue
      if (this.#leaves[n] !== undefined) this.wrong.push(proofFindings.wrong(this.#nameOf(n)))
      this.#ids[n] ??= found.ids[n]
      this.#leaves[n] = found.leaves[n]
    }
  }

  #newLog(): WholeLog {
    return new WholeLog(this.#of.said, this.#of.sizes)
  }

  #nameOf(n: number): string {
    return `#${this.#places[n]} ${this.#ids[n]}`
  }
}
