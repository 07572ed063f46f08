import {
  consistencySpans,
  Frontier,
  isConsistent,
  leafHash,
} from '@travessia/schemas/evidence/merkle'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TreeHashes } from './tree-hashes.ts'

/** Positions of a log in which other tenants stand between. */
const leaves = Array.from({ length: 2_600 }, (_, n) => ({
  leaf: leafHash(String(n)),
  position: 3 * n + 5,
}))
const readRow = async (after: number, limit: number) =>
  leaves
    .filter(({ position }) => position > after)
    .slice(0, limit)
    .map(({ leaf }) => leaf)

function treeOf(size: number) {
  const frontier = new Frontier()
  for (const { leaf } of leaves.slice(0, size)) frontier.push(leaf)
  return { size, root: frontier.root() }
}

test('whatever is small is read from the log again, and proofs between any two sizes hold', async () => {
  const hashes = new TreeHashes()
  for (const { leaf, position } of leaves) hashes.push(leaf, position)
  expect(hashes.root()).toEqual(treeOf(leaves.length).root)
  const size = fc.integer({ min: 1, max: leaves.length })
  await fc.assert(
    fc.asyncProperty(size, size, async (a, b) => {
      const [first, last] = [Math.min(a, b), Math.max(a, b)]
      const proof: Uint8Array[] = []
      for (const span of consistencySpans(first, last))
        proof.push(await hashes.hashOf(span, readRow))
      expect(isConsistent(treeOf(first), treeOf(last), proof)).toBe(true)
    }),
    { numRuns: 100 },
  )
})

test('there is no hash of what the tree has not, or the log no more', async () => {
  const hashes = new TreeHashes()
  for (const { leaf, position } of leaves.slice(0, 300)) hashes.push(leaf, position)
  await expect(hashes.hashOf([296, 304], readRow)).rejects.toThrow(RangeError)
  await expect(hashes.hashOf([256, 260], async () => [])).rejects.toThrow(RangeError)
})
