import { expect, test } from 'vitest'
import { Counts } from './counts.ts'

test('a key is counted up to the limit, and again after one was taken away', () => {
  const counts = new Counts(2)
  expect([counts.add('a'), counts.add('a'), counts.add('a')]).toEqual([true, true, false])
  counts.remove('a')
  expect([counts.add('a'), counts.add('a')]).toEqual([true, false])
})

test('keys do not share their limit, whatever they are called', () => {
  const counts = new Counts(1)
  for (const key of ['a', 'b', '', '__proto__', 'constructor']) expect(counts.add(key)).toBe(true)
})

test('taking away what was never counted gives nobody more', () => {
  const counts = new Counts(1)
  counts.remove('a')
  expect([counts.add('a'), counts.add('a')]).toEqual([true, false])
})
