import { expect, test } from 'vitest'
import { errorTable, errorText, isErrorCode, TravessiaError } from './errors.ts'

test('every code has a 4xx or 5xx status and a sentence in both languages', () => {
  for (const row of Object.values(errorTable)) {
    expect(row.status).toBeGreaterThanOrEqual(400)
    expect(row.en).toMatch(/^[A-Z].*\.$/)
    expect(row.pt).toMatch(/^[A-ZÀ-Ú].*\.$/)
  }
})

test('a TravessiaError carries code, status, details and cause', () => {
  const cause = new Error('socket')
  const error = new TravessiaError('AGENT_OFFLINE', { agentId: 'x' }, { cause })
  expect(error).toMatchObject({
    code: 'AGENT_OFFLINE',
    status: 503,
    details: { agentId: 'x' },
    cause,
  })
  expect(errorText(error.code, 'pt-BR')).toContain('offline')
})

test('isErrorCode knows own codes only, not names every object has', () => {
  expect(isErrorCode('NOT_FOUND')).toBe(true)
  expect(isErrorCode('constructor')).toBe(false)
  expect(isErrorCode(undefined)).toBe(false)
})
