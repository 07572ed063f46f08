import { expect, test } from 'vitest'
import { growthOf, pointsText } from './sparkline.ts'

const box = { width: 100, height: 24 }

test('the line goes from left to right, the highest value on top', () => {
  const points = [
    [1_000, 20],
    [2_000, 220],
    [3_000, 120],
  ] as const
  expect(pointsText(points, box)).toBe('0.0,22.0 50.0,2.0 100.0,12.0')
})

test('a steady value is a line in the middle', () => {
  const points = [
    [0, 60],
    [10, 60],
  ] as const
  expect(pointsText(points, box)).toBe('0.0,12.0 100.0,12.0')
})

test('a counter that starts again from zero has still counted', () => {
  expect(
    growthOf([
      [0, 10],
      [1, 12],
      [2, 1],
      [3, 4],
    ]),
  ).toBe(6)
  expect(growthOf([])).toBe(0)
})
