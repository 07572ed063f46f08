import { expect, test } from 'vitest'
import { between, ServerTime } from './server-time.ts'

const at = (monotonic: number, wall = monotonic) => ({ monotonic, wall })

test('the server’s time goes on by the monotonic clock, also back to a tap before the answer', () => {
  const time = new ServerTime()
  expect(time.at(at(0))).toBeUndefined()
  time.heard(1_000_000, at(500))
  expect(time.at(at(700))).toBe(1_000_200)
  expect(time.at(at(100))).toBe(999_600)
})

test('of several answers the quickest counts, and no answer that says no time', () => {
  const time = new ServerTime()
  time.heard(1_000_000, at(500))
  time.heard(1_000_050, at(600))
  time.heard(Number.NaN, at(650))
  expect(time.at(at(700))).toBe(1_000_200)
  time.heard(1_000_300, at(700))
  expect(time.at(at(700))).toBe(1_000_300)
})

test('a time that is five minutes old, forgotten, or from before a sleep or a set clock is unknown', () => {
  const time = new ServerTime()
  time.heard(1_000_000, at(0))
  expect(time.at(at(300_000))).toBe(1_300_000)
  expect(time.at(at(300_001))).toBeUndefined()
  expect(time.at(at(100, 1_101))).toBeUndefined()
  expect(time.at(at(1_200, 100))).toBeUndefined()
  time.heard(900_000, at(100, 30_000))
  expect(time.at(at(200, 30_100))).toBe(900_100)
  time.forget()
  expect(time.at(at(200, 30_100))).toBeUndefined()
  expect(between(at(0), at(100, 1_101))).toBeUndefined()
})
