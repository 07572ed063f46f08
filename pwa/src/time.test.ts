import { expect, onTestFinished, test, vi } from 'vitest'
import { age, countdown, duration, shortTime } from './time.ts'

const now = Date.parse('2026-11-24T12:00:00Z')

test('age says the largest whole unit since a moment', () => {
  expect(age('2026-11-24T11:59:45Z', now)).toBe('15 s')
  expect(age('2026-11-24T11:57:01Z', now)).toBe('2 min')
  expect(age('2026-11-24T10:00:00Z', now)).toBe('2 h')
  expect(age('2026-11-20T10:00:00Z', now)).toBe('4 d')
})

test('age never speaks of the future when the clocks differ', () => {
  expect(age('2026-11-24T12:00:05Z', now)).toBe('0 s')
})

test('shortTime leaves the day out when it is today', () => {
  vi.stubEnv('TZ', 'UTC')
  onTestFinished(() => void vi.unstubAllEnvs())
  expect(shortTime('2026-11-24T11:30:00Z', now, 'pt-BR')).toMatch(/^\d\d:\d\d$/)
  expect(shortTime('2026-11-20T11:30:00Z', now, 'pt-BR')).toMatch(/^20\/11.* \d\d:\d\d$/)
})

test('countdown shows minutes and seconds and stops at zero', () => {
  expect(countdown('2026-11-24T12:09:05Z', now)).toBe('9:05')
  expect(countdown('2026-11-24T11:00:00Z', now)).toBe('0:00')
})

test('duration says hours and minutes, seconds only when nothing else is left', () => {
  expect(duration(4_320)).toBe('1 h 12 min')
  expect(duration(7_200)).toBe('2 h')
  expect(duration(359)).toBe('5 min')
  expect(duration(59.9)).toBe('59 s')
})
