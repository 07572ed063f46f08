import { expect, test } from 'vitest'
import { putNewest } from './newest.ts'

test('of more entries than the most, those that were put longest ago are dropped', () => {
  const map = new Map([
    ['a', 1],
    ['b', 2],
  ])
  putNewest(map, ['c', 3], 3)
  putNewest(map, ['a', 4], 3)
  expect([...map.keys()]).toEqual(['b', 'c', 'a'])
  putNewest(map, ['d', 5], 3)
  expect([...map]).toEqual([
    ['c', 3],
    ['a', 4],
    ['d', 5],
  ])
})
