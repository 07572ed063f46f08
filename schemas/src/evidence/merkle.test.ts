import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, toHex } from './bytes.ts'
import {
  consistencySpans,
  emptyRoot,
  Frontier,
  inclusionSpans,
  isConsistent,
  isIncluded,
  leafHash,
  nodeHash,
  type Span,
  SubtreeHashes,
} from './merkle.ts'

/** Leaves, roots and proofs of the tests of certificate-transparency (RFC 6962's reference). */
const inputs = [
  ...['', '00', '10', '2021', '3031', '40414243', '5051525354555657'],
  '606162636465666768696a6b6c6d6e6f',
]
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const [h1, h23, h4567] = [
  '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
  '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
  '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
]
const [h4, h67, h45] = [
  'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
  'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
  '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
]
const fromHex = (hex: string) =>
  Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
const vectorLeaves = inputs.map((hex) => leafHash(fromHex(hex)))

function leavesOf(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => leafHash(String(index)))
}

function frontierOf(leaves: readonly Uint8Array[]): Frontier {
  const frontier = new Frontier()
  for (const leaf of leaves) frontier.push(leaf)
  return frontier
}

/** The proof of these spans, gathered in one pass. */
function proofOf(leaves: readonly Uint8Array[], spans: readonly Span[]): Uint8Array[] {
  const hashes = new SubtreeHashes()
  for (const span of spans) hashes.want(span)
  const frontier = new Frontier()
  for (const leaf of leaves) frontier.push(leaf, hashes.see)
  return spans.map((span) => hashes.hashOf(span))
}

/** MTH of RFC 6962, 2.1, word for word. */
function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves
  if (!first) return emptyRoot
  if (leaves.length === 1) return first
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return nodeHash(naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)))
}

const treeOf = (leaves: readonly Uint8Array[]) => ({ size: leaves.length, root: naiveRoot(leaves) })

test.each(roots.map((root, size) => [size, root] as const))(
  'the root of the first %i vectors of certificate-transparency is %s',
  (size, root) => {
    expect(toHex(frontierOf(vectorLeaves.slice(0, size)).root())).toBe(root)
  },
)

test.each([
  [0, 1, []],
  [0, 8, [h1, h23, h4567]],
  [5, 8, [h4, h67, roots[4]]],
  [2, 3, [roots[2]]],
  [1, 5, [roots[1], h23, h4]],
] as const)(
  'the proof of leaf %i in %i is that of certificate-transparency',
  (index, size, path) => {
    const leaves = vectorLeaves.slice(0, size)
    const proof = proofOf(leaves, inclusionSpans(index, [0, size]))
    expect(proof.map(toHex)).toEqual(path)
    expect(isIncluded(leaves[index] ?? emptyRoot, index, treeOf(leaves), proof)).toBe(true)
  },
)

test.each([
  [1, 1, []],
  [1, 8, [h1, h23, h4567]],
  [6, 8, [h45, h67, roots[4]]],
  [2, 5, [h23, h4]],
] as const)(
  'the proof that %i leaves begin %i is that of certificate-transparency',
  (first, size, path) => {
    const leaves = vectorLeaves.slice(0, size)
    const proof = proofOf(leaves, consistencySpans(first, size))
    expect(proof.map(toHex)).toEqual(path)
    expect(isConsistent(treeOf(leaves.slice(0, first)), treeOf(leaves), proof)).toBe(true)
  },
)

test('for every size up to 64, root, inclusion of each leaf and consistency with each beginning hold', () => {
  for (let size = 1; size <= 64; size += 1) {
    const leaves = leavesOf(size)
    const tree = treeOf(leaves)
    expect(frontierOf(leaves).root()).toEqual(tree.root)
    for (const [index, leaf] of leaves.entries()) {
      const path = proofOf(leaves, inclusionSpans(index, [0, size]))
      expect(isIncluded(leaf, index, tree, path)).toBe(true)
      expect(isIncluded(leaf, index + 1, tree, path)).toBe(false)
    }
    for (let first = 0; first <= size; first += 1) {
      const proof = proofOf(leaves, consistencySpans(first, size))
      expect(isConsistent(treeOf(leaves.slice(0, first)), tree, proof)).toBe(true)
    }
  }
})

const sizes = fc.integer({ min: 65, max: 3_000 })

test('a larger tree has the root of the naive model, and its proofs hold', () => {
  fc.assert(
    fc.property(sizes, fc.nat(), fc.nat(), (size, a, b) => {
      const leaves = leavesOf(size)
      const [index, first] = [a % size, b % size]
      const tree = treeOf(leaves)
      expect(frontierOf(leaves).root()).toEqual(tree.root)
      const path = proofOf(leaves, inclusionSpans(index, [0, size]))
      expect(isIncluded(leaves[index] ?? emptyRoot, index, tree, path)).toBe(true)
      const proof = proofOf(leaves, consistencySpans(first, size))
      expect(isConsistent(treeOf(leaves.slice(0, first)), tree, proof)).toBe(true)
    }),
    { numRuns: 30 },
  )
})

test('a proof with another leaf, place, size, root, or with a hash changed, missing or added holds nothing', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 200 }), fc.nat(), fc.nat(), (size, a, b) => {
      const leaves = leavesOf(size)
      const tree = treeOf(leaves)
      const index = a % size
      const leaf = leaves[index] ?? emptyRoot
      const path = proofOf(leaves, inclusionSpans(index, [0, size]))
      const place = b % path.length
      expect(isIncluded(emptyRoot, index, tree, path)).toBe(false)
      expect(isIncluded(leaf, -1, tree, path)).toBe(false)
      expect(isIncluded(leaf, index, { ...tree, root: emptyRoot }, path)).toBe(false)
      for (const wrong of wrongProofs(path, place))
        expect(isIncluded(leaf, index, tree, wrong)).toBe(false)
      const first = 1 + (b % (size - 1))
      const earlier = treeOf(leaves.slice(0, first))
      const proof = proofOf(leaves, consistencySpans(first, size))
      expect(isConsistent(tree, earlier, proof)).toBe(false)
      expect(isConsistent({ ...earlier, root: emptyRoot }, tree, proof)).toBe(false)
      expect(isConsistent(earlier, { ...tree, root: emptyRoot }, proof)).toBe(false)
      for (const wrong of wrongProofs(proof, b % proof.length))
        expect(isConsistent(earlier, tree, wrong)).toBe(false)
    }),
    { numRuns: 200 },
  )
})

function wrongProofs(proof: readonly Uint8Array[], place: number): Uint8Array[][] {
  return [
    proof.with(place, emptyRoot),
    proof.with(place, concat(proof[place] ?? emptyRoot, new Uint8Array(1))),
    proof.toSpliced(place, 1),
    proof.toSpliced(place, 0, emptyRoot),
  ]
}

test('a hash that was not gathered is a mistake of the programme, never a wrong proof', () => {
  const hashes = new SubtreeHashes()
  hashes.want([0, 4])
  expect(() => hashes.hashOf([0, 4])).toThrow('no hash of 0-4')
})
