import { expect, test } from 'vitest'
import { agents } from './errors/agents.ts'
import { commands } from './errors/commands.ts'
import { devices } from './errors/devices.ts'
import { node } from './errors/node.ts'
import { requests } from './errors/requests.ts'
import { sessions } from './errors/sessions.ts'
import { type ErrorCode, errorTable, errorText, isErrorCode, TravessiaError } from './errors.ts'

test('every code has a 4xx or 5xx status and a sentence in both languages', () => {
  for (const row of Object.values(errorTable)) {
    expect(row.status).toBeGreaterThanOrEqual(400)
    expect(row.en).toMatch(/^[A-Z].*\.$/)
    expect(row.pt).toMatch(/^[A-ZÀ-Ú].*\.$/)
  }
})

test('no code stands in two groups: one row would hide the other', () => {
  const codes = [requests, agents, devices, sessions, commands, node].flatMap(Object.keys)
  expect(codes).toEqual(Object.keys(errorTable))
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

test('docs/errors.md lists every code as the table has it (vitest -u writes it)', async () => {
  const rows = (Object.keys(errorTable) as ErrorCode[]).map((code) => {
    const { status } = errorTable[code]
    const mayRetry = 'retry' in errorTable[code] ? 'yes' : ''
    return `| \`${code}\` | ${status} | ${mayRetry} | ${errorText(code, 'en')} | ${errorText(code, 'pt-BR')} |`
  })
  const head = `# Error codes

Written from \`schemas/src/errors/\`. Codes are stable. The API answers with problem details (RFC 9457): \`code\` is one of these, \`title\` is the
sentence in the reader's language, \`correlationId\` is the one in the server's log. The gateway sends the code as \`x-travessia-error\` too.

| code | HTTP | may be tried again | English | Português |
|---|---|---|---|---|
`
  await expect(`${head}${rows.join('\n')}\n`).toMatchFileSnapshot('../../docs/errors.md')
})
