import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import type { MqttClient } from 'mqtt'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { connectMs, Dialled, reconnectDelayMs } from './dialled.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Dials that end after so long, and when each of them began. */
function endingAfter(lastsMs: number) {
  vi.spyOn(Math, 'random').mockReturnValue(1)
  const begun: number[] = []
  const dialled = new Dialled({
    dial: () => {
      begun.push(performance.now())
      const client = Object.assign(new EventEmitter(), { end: () => undefined })
      setTimeout(() => client.emit('close'), lastsMs)
      return client as unknown as MqttClient
    },
    ...{ filter: () => 'x', qos: 0, up: () => undefined, down: () => undefined },
    log: pino({ level: 'silent' }),
  })
  dialled.start()
  return { dialled, begun }
}

function dialling(lastsMs: number) {
  const { begun } = endingAfter(lastsMs)
  vi.advanceTimersByTime(120_000)
  return begun.slice(1).map((at, n) => Math.round((at - (begun[n] ?? 0)) / 1000))
}

test('a dial that is refused at once is followed by the whole pause', () => {
  expect(dialling(1).slice(0, 7)).toEqual([1, 1, 2, 4, 8, 8, 8])
})

test('a dial that hung is followed by none: within 8 s of its network an agent dials', () => {
  expect(new Set(dialling(connectMs))).toEqual(new Set([8]))
})

test('when the other connection is back, a pause ends at once and a dial has two seconds left', () => {
  const pausing = endingAfter(1)
  vi.advanceTimersByTime(10_000)
  const dials = pausing.begun.length
  pausing.dialled.hurry()
  expect(pausing.begun).toHaveLength(dials + 1)
  const hanging = endingAfter(connectMs)
  hanging.dialled.hurry()
  vi.advanceTimersByTime(1_999)
  expect(hanging.begun).toHaveLength(1)
  vi.advanceTimersByTime(1)
  expect(hanging.begun).toHaveLength(2)
})

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
