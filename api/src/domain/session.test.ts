import { expect, test } from 'vitest'
import { maxSessionSeconds, type SessionIntent, type SessionState, session } from './session.ts'

const now = Date.parse('2026-11-24T12:00:00Z')
const open: SessionIntent = {
  type: 'OpenSession',
  now,
  purpose: 'visita',
  ttlSeconds: 600,
  mode: 'host',
  clientIp: '192.0.2.7',
  userAgent: 'test',
  recordingLevel: 'heads',
  targetOrigin: 'http://192.0.2.10',
}
const totals = { requests: 1, bytesIn: 2, bytesOut: 3 }
const end: SessionIntent = { type: 'EndSession', how: 'SessionClosed', reason: 'user', totals }
const forward = (at: number): SessionIntent => ({
  type: 'ForwardRequest',
  now: at,
  request: { requestId: 'r', method: 'GET', path: '/', headers: [] },
})

function stateAfter(...intents: SessionIntent[]): SessionState {
  return intents.reduce<SessionState>(
    (state, intent) => session.decide(intent, state).reduce(session.evolve, state),
    session.initialState,
  )
}

test('an opened session ends ten minutes later and at the latest after four hours', () => {
  expect(stateAfter(open)).toEqual({
    status: 'open',
    expiresAt: now + 600_000,
    endsAtLatest: now + maxSessionSeconds * 1000,
    hasUsedCredentials: false,
    extensionKeys: [],
  })
})

test('a session says what it may do, full unless asked otherwise', () => {
  for (const access of ['full', 'readonly'] as const)
    expect(session.decide({ ...open, access }, session.initialState)).toMatchObject([
      { type: 'SessionRequested', data: { access } },
      { type: 'SessionOpened', data: { access } },
    ])
  expect(session.decide(open, session.initialState)[1]?.data).toMatchObject({ access: 'full' })
})

test('that the agent signs in is said once per session, and not after its end', () => {
  const use: SessionIntent = { type: 'UseCredentials', now }
  expect(session.decide(use, stateAfter(open))).toEqual([
    { type: 'DeviceCredentialsUsed', data: {} },
  ])
  expect(session.decide(use, stateAfter(open, use))).toEqual([])
  expect(() => session.decide(use, stateAfter(open, end))).toThrow(
    expect.objectContaining({ code: 'SESSION_ENDED' }),
  )
})

test('a session that may not be opened leaves the request and the refusal in the log', () => {
  const facts = session.decide({ ...open, refusal: 'AGENT_OFFLINE' }, session.initialState)
  expect(facts.map((fact) => fact.type)).toEqual(['SessionRequested', 'SessionDenied'])
})

test('an extension adds ten minutes to the end that is there', () => {
  const extend = (at: number): SessionIntent => ({ type: 'ExtendSession', now: at })
  expect(stateAfter(open, extend(now + 5_000), extend(now + 6_000))).toMatchObject({
    expiresAt: now + 1_800_000,
  })
  const almost: SessionIntent = { type: 'ExtendSession', now, ttlSeconds: 4 * 3600 - 60 }
  expect(stateAfter(open, almost, extend(now))).toMatchObject({ expiresAt: now + 4 * 3600_000 })
})

test('an extension with the key of an earlier one is none, also at the limit; without a key each is one', () => {
  const extend = (idempotencyKey?: string, ttlSeconds?: number): SessionIntent => ({
    ...{ type: 'ExtendSession', now, idempotencyKey, ttlSeconds },
  })
  const twice = stateAfter(open, extend('a'), extend('b'))
  expect(twice).toMatchObject({ expiresAt: now + 1_800_000 })
  for (const key of ['a', 'b']) expect(session.decide(extend(key), twice)).toEqual([])
  expect(session.decide(extend(), stateAfter(open, extend()))).toHaveLength(1)
  const longest = stateAfter(open, extend('c', 14_400))
  expect(session.decide(extend('c', 14_400), longest)).toEqual([])
})

test('an extension of a length that is asked for counts from now, never shortens, and stops at four hours in all', () => {
  const state = stateAfter(open, { type: 'ExtendSession', now: now + 60_000, ttlSeconds: 600 })
  expect(state).toMatchObject({ expiresAt: now + 660_000 })
  expect(stateAfter(open, { type: 'ExtendSession', now, ttlSeconds: 30 })).toMatchObject({
    expiresAt: now + 600_000,
  })
  const longest = stateAfter(open, { type: 'ExtendSession', now, ttlSeconds: 99_999 })
  expect(longest).toMatchObject({ expiresAt: now + maxSessionSeconds * 1000 })
  expect(() => session.decide({ type: 'ExtendSession', now, ttlSeconds: 600 }, longest)).toThrow(
    expect.objectContaining({ code: 'SESSION_LIMIT' }),
  )
})

test.each([
  ['before it was opened', [] as SessionIntent[], now],
  ['after its end', [open, end], now],
  ['at its expiry', [open], now + 600_000],
])('a request %s is refused', (_when, intents, at) => {
  expect(() => session.decide(forward(at), stateAfter(...intents))).toThrow(
    expect.objectContaining({ code: 'SESSION_ENDED' }),
  )
})

test('a session ends once', () => {
  expect(session.decide(end, stateAfter(open))).toHaveLength(1)
  expect(session.decide(end, stateAfter(open, end))).toEqual([])
})
