import { expect, test } from 'vitest'
import { isId, newId, newTimeId } from './ids.ts'

test('newId gives 26 characters that the pattern accepts and never the same twice', () => {
  const ids = Array.from({ length: 2000 }, newId)
  expect(ids.every(isId)).toBe(true)
  expect(new Set(ids).size).toBe(2000)
})

test('newTimeId sorts by time of birth', () => {
  const times = [0, 1, 999, 2 ** 32 - 1, 2 ** 32, 1_790_000_000_000, 1_790_000_000_001]
  const ids = times.map(newTimeId)
  expect(ids.every(isId)).toBe(true)
  expect([...ids].sort()).toEqual(ids)
})

test.each([
  '',
  'A'.repeat(26),
  'a'.repeat(25),
  'a'.repeat(27),
  `${'a'.repeat(25)}\n`,
  '__proto__',
  7,
  null,
])('isId refuses %j', (value) => expect(isId(value)).toBe(false))
