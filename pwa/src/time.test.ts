import { expect, test } from 'vitest'
import { ago, countdown } from './time.ts'

const now = Date.parse('2026-11-24T12:00:00Z')

test('ago says the largest whole unit in the language of the interface', () => {
  expect(ago('2026-11-24T11:59:45Z', now, 'pt-BR')).toContain('15')
  expect(ago('2026-11-24T10:00:00Z', now, 'en')).toMatch(/2\s?h/)
})

test('ago never speaks of the future when the clocks differ', () => {
  expect(ago('2026-11-24T12:00:05Z', now, 'en')).toMatch(/^0/)
})

test('countdown shows minutes and seconds and stops at zero', () => {
  expect(countdown('2026-11-24T12:09:05Z', now)).toBe('9:05')
  expect(countdown('2026-11-24T11:00:00Z', now)).toBe('0:00')
})
