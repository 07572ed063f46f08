import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { SessionSecrets } from './session-secrets.ts'

const used = expect.objectContaining({ code: 'TICKET_USED' })

function setUp() {
  const clock = { now: 1_000_000 }
  const database = openSecretsDatabase(':memory:')
  return { clock, database, secrets: new SessionSecrets(database, () => clock.now), id: newId() }
}

test('a ticket becomes the cookie of its session once', () => {
  const { secrets, id } = setUp()
  const ticket = secrets.newTicket(id)
  const cookie = secrets.redeem(id, ticket)
  expect(secrets.isCookieOf(id, cookie)).toBe(true)
  expect(() => secrets.redeem(id, ticket)).toThrow(used)
  expect(secrets.isCookieOf(id, cookie)).toBe(true)
})

test('a ticket is good for a minute', () => {
  const { secrets, id, clock } = setUp()
  const ticket = secrets.newTicket(id)
  clock.now += 60_000
  expect(() => secrets.redeem(id, ticket)).toThrow(used)
})

test('a ticket or a cookie of one session opens no other', () => {
  const { secrets, id } = setUp()
  const other = newId()
  const ticket = secrets.newTicket(id)
  secrets.newTicket(other)
  expect(() => secrets.redeem(other, ticket)).toThrow(used)
  const cookie = secrets.redeem(id, ticket)
  expect(secrets.isCookieOf(other, cookie)).toBe(false)
  for (const wrong of ['', 'x', ticket, cookie.slice(1)])
    expect(secrets.isCookieOf(id, wrong)).toBe(false)
})

test('a new ticket ends the cookie of the one before', () => {
  const { secrets, id } = setUp()
  const cookie = secrets.redeem(id, secrets.newTicket(id))
  expect(secrets.isCookieOf(id, cookie)).toBe(true)
  const ticket = secrets.newTicket(id)
  expect(secrets.isCookieOf(id, cookie)).toBe(false)
  const next = secrets.redeem(id, ticket)
  expect([cookie, next].map((one) => secrets.isCookieOf(id, one))).toEqual([false, true])
})

test('the end of the session ends its cookie', () => {
  const { secrets, id } = setUp()
  const cookie = secrets.redeem(id, secrets.newTicket(id))
  expect(secrets.isCookieOf(id, cookie)).toBe(true)
  secrets.forget(id)
  expect(secrets.isCookieOf(id, cookie)).toBe(false)
})

test('only hashes are stored', () => {
  const { secrets, id, database } = setUp()
  const ticket = secrets.newTicket(id)
  const stored = () => JSON.stringify(database.prepare('select * from session_secret').all())
  expect(stored()).not.toContain(ticket)
  expect(stored()).not.toContain(secrets.redeem(id, ticket))
})
