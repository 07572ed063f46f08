import { TravessiaError } from '@travessia/schemas/errors'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { silent } from './fixtures.ts'
import { renewalDelayMs, TokenRenewal } from './token-renewal.ts'

function renewing(answer: () => Promise<void> = async () => undefined, leftMs = 3600_000) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const renew = vi.fn(answer)
  const renewal = new TokenRenewal({ renew, leftMs: () => leftMs, log: silent })
  onTestFinished(() => renewal.stop())
  return { renew, renewal }
}

test('a token is renewed between half and three quarters of its life', () => {
  fc.assert(
    fc.property(
      fc.nat(3600_000),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (left, random) => {
        const delay = renewalDelayMs(left, () => random)
        expect(delay).toBeGreaterThanOrEqual(left * 0.5)
        expect(delay).toBeLessThanOrEqual(left * 0.75)
      },
    ),
  )
})

test('a wall clock that is decades off neither overflows the timer nor makes it negative', () => {
  expect(renewalDelayMs(56 * 365 * 86_400_000)).toBeLessThanOrEqual(3600_000)
  expect(renewalDelayMs(-3600_000)).toBe(0)
})

test('an expired token is renewed at once at the start', async () => {
  const { renew, renewal } = renewing(undefined, -1)
  renewal.start()
  await vi.advanceTimersByTimeAsync(1)
  expect(renew).toHaveBeenCalledTimes(1)
})

test('a fresh token that still looks expired is not renewed in a storm', async () => {
  const { renew, renewal } = renewing(undefined, -1)
  renewal.start()
  await vi.advanceTimersByTimeAsync(60_500)
  expect(renew.mock.calls.length).toBeLessThanOrEqual(3)
})

test('a broker that refuses makes one renewal, however often it refuses', async () => {
  const { renew, renewal } = renewing()
  renewal.start()
  for (let i = 0; i < 100; i += 1) {
    renewal.refused()
    await vi.advanceTimersByTimeAsync(100)
  }
  expect(renew).toHaveBeenCalledTimes(1)
  renewal.refused()
  await vi.advanceTimersByTimeAsync(30_000)
  expect(renew).toHaveBeenCalledTimes(2)
})

test('a refusal during a renewal does not start a second one', async () => {
  let finish: () => void = () => undefined
  const { renew, renewal } = renewing(
    () =>
      new Promise<void>((resolve) => {
        finish = resolve
      }),
  )
  renewal.refused()
  await vi.advanceTimersByTimeAsync(1)
  renewal.refused()
  await vi.advanceTimersByTimeAsync(40_000)
  expect(renew).toHaveBeenCalledTimes(1)
  finish()
})

test('a server that does not answer is asked again within five seconds, also while the broker refuses', async () => {
  const { renew, renewal } = renewing(() => Promise.reject(new Error('no network')))
  renewal.refused()
  await vi.advanceTimersByTimeAsync(1)
  renewal.refused()
  await vi.advanceTimersByTimeAsync(1_900)
  expect(renew).toHaveBeenCalledTimes(1)
  // Each wait is 2 to 5 s, so one or two more come within five.
  await vi.advanceTimersByTimeAsync(3_100)
  expect(renew.mock.calls.length).toBeGreaterThanOrEqual(2)
})

test('an unpaired agent says so, asks once a minute, and recovers when it is taken back', async () => {
  let isRevoked = true
  const { renew, renewal } = renewing(async () => {
    if (isRevoked) throw new TravessiaError('AGENT_REVOKED')
  })
  renewal.refused()
  await vi.advanceTimersByTimeAsync(59_000)
  expect(renew).toHaveBeenCalledTimes(1)
  expect(renewal.isRevoked).toBe(true)
  isRevoked = false
  await vi.advanceTimersByTimeAsync(2_000)
  expect(renewal.isRevoked).toBe(false)
})

test('a renewal that is under way at the stop is the last one', async () => {
  let done: () => void = () => undefined
  const underWay = new Promise<void>((resolve) => {
    done = resolve
  })
  const { renew, renewal } = renewing(() => underWay)
  renewal.refused()
  await vi.advanceTimersByTimeAsync(1)
  renewal.stop()
  done()
  await vi.advanceTimersByTimeAsync(3600_000)
  expect(renew).toHaveBeenCalledTimes(1)
})

test('nothing is renewed after the stop', async () => {
  const { renew, renewal } = renewing(undefined, -1)
  renewal.start()
  renewal.stop()
  renewal.refused()
  await vi.advanceTimersByTimeAsync(100_000)
  expect(renew).not.toHaveBeenCalled()
})
