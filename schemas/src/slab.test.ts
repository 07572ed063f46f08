import { expect, test } from 'vitest'
import { smallBytes } from './slab.ts'

test('no byte is given twice, whatever is asked for', () => {
  const pieces = Array.from({ length: 2_000 }, (_, i) => smallBytes((i * 97) % 9_000).fill(i % 251))
  for (const [i, piece] of pieces.entries()) {
    expect(piece).toHaveLength((i * 97) % 9_000)
    expect(piece.every((byte) => byte === i % 251)).toBe(true)
  }
})

test('small pieces share memory, and a large one pins none of it', () => {
  const [first, second] = [smallBytes(100), smallBytes(100)]
  const large = smallBytes(20_000)
  expect(large.buffer.byteLength).toBe(20_000)
  expect([first.buffer.byteLength, second.buffer.byteLength]).toEqual([65_536, 65_536])
})
