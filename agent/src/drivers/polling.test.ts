import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { pauseMs, startPolling } from './polling.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

test('the pause doubles with each failure up to its bound', () => {
  const pause = (failures: number) => pauseMs({ usualMs: 30, atMostMs: 120, failures }, 1)
  expect([0, 1, 2, 3, 5_000].map(pause)).toEqual([30, 60, 120, 120, 120])
})

test('no two devices keep the same beat, and none is faster than four fifths of it', () => {
  const pauses = Array.from({ length: 50 }, () =>
    pauseMs({ usualMs: 1_000, atMostMs: 9_000, failures: 0 }),
  )
  expect(new Set(pauses).size).toBeGreaterThan(40)
  for (const ms of pauses) {
    expect(ms).toBeGreaterThanOrEqual(800)
    expect(ms).toBeLessThanOrEqual(1_000)
  }
})

test('a look follows the one before by what that one said, and none overlaps', async () => {
  let looks = 0
  let end: (ms: number) => void = () => undefined
  const stop = startPolling(() => {
    looks += 1
    return new Promise((resolve) => {
      end = resolve
    })
  })
  expect(looks).toBe(1)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(looks).toBe(1)
  end(500)
  await vi.advanceTimersByTimeAsync(499)
  expect(looks).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(looks).toBe(2)
  stop()
})

test('stop ends the look under way and leaves no timer', async () => {
  let signal: AbortSignal | undefined
  let end: (ms: number) => void = () => undefined
  const stop = startPolling((given) => {
    signal = given
    return new Promise((resolve) => {
      end = resolve
    })
  })
  stop()
  expect(signal?.aborted).toBe(true)
  end(1)
  await vi.advanceTimersByTimeAsync(10)
  expect(vi.getTimerCount()).toBe(0)
  const between = startPolling(async () => 1_000)
  await vi.advanceTimersByTimeAsync(0)
  expect(vi.getTimerCount()).toBe(1)
  between()
  expect(vi.getTimerCount()).toBe(0)
})
