import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { Logins, loginSeconds } from './logins.ts'
import { openSecretsDatabase } from './secrets-database.ts'

function setUp() {
  const clock = { now: 1_000_000 }
  const database = openSecretsDatabase(':memory:')
  return { clock, database, logins: new Logins(database, () => clock.now), userId: newId() }
}

test('a sign-in is found by its secret and by its id until its absolute end', () => {
  const { logins, userId, clock } = setUp()
  const { login, secret } = logins.start(userId)
  expect(logins.bySecret(secret)).toEqual(login)
  expect(logins.byId(login.id)).toEqual(login)
  clock.now += loginSeconds * 1_000
  expect(logins.bySecret(secret)).toBeUndefined()
  expect(logins.byId(login.id)).toBeUndefined()
})

test('a sign-in can be ended alone, or with all others of the person', () => {
  const { logins, userId } = setUp()
  const [one, two, three] = [logins.start(userId), logins.start(userId), logins.start(newId())]
  logins.end(one.login.id)
  expect(logins.bySecret(one.secret)).toBeUndefined()
  expect(logins.bySecret(two.secret)).toBeDefined()
  logins.endAllOf(userId)
  expect(logins.bySecret(two.secret)).toBeUndefined()
  expect(logins.bySecret(three.secret)).toBeDefined()
})

test('only the hash of the secret is stored, and the hash does not sign in', () => {
  const { logins, userId, database } = setUp()
  const { secret } = logins.start(userId)
  const [row] = database.prepare('select * from login').all()
  expect(secret).toMatch(/^[\w-]{43}$/)
  expect(JSON.stringify(row)).not.toContain(secret)
  expect(logins.bySecret(String(row?.['hash']))).toBeUndefined()
})

test('what has ended is removed at the next sign-in', () => {
  const { logins, userId, clock, database } = setUp()
  logins.start(userId)
  clock.now += loginSeconds * 1_000
  logins.start(userId)
  expect(database.prepare('select * from login').all()).toHaveLength(1)
})
