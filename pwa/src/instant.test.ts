import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { dayOf, hourMs, instantFrom, instantOf, localSeconds, pastHref } from './instant.ts'

beforeEach(() => {
  vi.stubEnv('TZ', 'America/Sao_Paulo')
})
afterEach(() => {
  vi.unstubAllEnvs()
})

const now = Date.parse('2026-11-24T15:30:20.700Z')

test.each([
  ['', '2026-11-24T15:30:20.700Z'],
  ['?at=gestern', '2026-11-24T15:30:20.700Z'],
  ['?at=0002-01-01T00:00:00Z', '2026-11-24T15:30:20.700Z'],
  ['?at=2026-11-23T10:00:00.250Z', '2026-11-23T10:00:00.250Z'],
  ['?at=2026-11-23T07:00:00-03:00', '2026-11-23T10:00:00.000Z'],
])('the address %j means that instant, or now', (search, at) => {
  expect(new Date(instantOf(search, now)).toISOString()).toBe(at)
})

test('the address of an instant leads back to it, and never before it', () => {
  const at = Date.parse('2026-11-23T10:00:00.250Z')
  const { searchParams } = new URL(pastHref(at - 0.4), 'http://x')
  expect(instantOf(`?${searchParams}`, now)).toBe(at)
})

test('a day is from midnight to midnight where the reader is, and today as far as it has come', () => {
  const yesterday = dayOf(Date.parse('2026-11-24T02:59:59.999Z'), now)
  expect(new Date(yesterday.fromMs).toISOString()).toBe('2026-11-23T03:00:00.000Z')
  expect(yesterday.toMs - yesterday.fromMs).toBe(24 * hourMs - 1)
  const today = dayOf(Date.parse('2026-11-24T03:00:00.000Z'), now)
  expect(today).toEqual({ fromMs: yesterday.toMs + 1, toMs: now })
  const tomorrow = dayOf(now + 24 * hourMs, now)
  expect(tomorrow.toMs - tomorrow.fromMs).toBe(24 * hourMs - 1)
})

test('a day on which clocks are put forward has 23 hours', () => {
  vi.stubEnv('TZ', 'Europe/Berlin')
  const { fromMs, toMs } = dayOf(Date.parse('2026-03-29T12:00:00Z'), now)
  expect(toMs - fromMs).toBe(23 * hourMs - 1)
})

test('what the input has is local, to the second, and what is no time yet is none', () => {
  expect(localSeconds(now)).toBe('2026-11-24T12:30:20')
  expect(instantFrom('2026-11-24T12:30:20')).toBe(Math.floor(now / 1_000) * 1_000)
  for (const local of ['', '0002-11-24T12:30']) expect(instantFrom(local)).toBeUndefined()
})
