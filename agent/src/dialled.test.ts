import fc from 'fast-check'
import { expect, test } from 'vitest'
import { reconnectDelayMs } from './dialled.ts'

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const tenMinutes = 600_000

test('in the first ten minutes the pause is between 0 and min(8 s, 0.5 s × 2^n), the whole range of it', () => {
  fc.assert(
    fc.property(fc.nat(2_000), fc.nat(tenMinutes - 1), random, (attempt, outageMs, chance) => {
      const most = Math.min(8_000, 500 * 2 ** attempt)
      const delay = reconnectDelayMs(attempt, outageMs, () => chance)
      expect(delay).toBeGreaterThanOrEqual(0)
      expect(delay).toBeLessThanOrEqual(most)
      expect(delay).toBeCloseTo(chance * most)
    }),
  )
})

test('after ten minutes the pause is up to a minute, whatever the attempt', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: tenMinutes }), random, (attempt, outageMs, chance) => {
      expect(reconnectDelayMs(attempt, outageMs, () => chance)).toBeCloseTo(chance * 60_000)
    }),
  )
})

test('a thousand agents that lost their broker together do not return together', () => {
  const delays = Array.from({ length: 1_000 }, () => reconnectDelayMs(4, 1_000))
  const perSecond = Array.from(
    { length: 8 },
    (_, second) => delays.filter((delay) => Math.floor(delay / 1_000) === second).length,
  )
  expect(Math.max(...perSecond)).toBeLessThan(250)
})
