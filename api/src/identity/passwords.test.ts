import { expect, test } from 'vitest'
import { hashPassword, requireStrong, verifyPassword } from './passwords.ts'

const weak = expect.objectContaining({ code: 'PASSWORD_WEAK' })

test('a password is right or wrong, and two hashes of it differ (THREATS I5)', async () => {
  const [one, two] = await Promise.all([hashPassword('senha boa 7'), hashPassword('senha boa 7')])
  expect(one).toMatch(/^scrypt\$32768\$8\$1\$/)
  expect(one).not.toBe(two)
  expect(await verifyPassword('senha boa 7', one)).toBe(true)
  expect(await verifyPassword('senha boa 8', one)).toBe(false)
})

test('the same letters in another Unicode form are the same password', async () => {
  expect(
    await verifyPassword('cafe\u0301 da manha', await hashPassword('caf\u00e9 da manha')),
  ).toBe(true)
})

test('an unknown user is a wrong password (THREATS I5)', async () => {
  expect(await verifyPassword('senha boa 7', undefined)).toBe(false)
})

test.each([
  ['short', 'abc1234'],
  ['on the list of common ones', 'Password123'],
  ['of few letters', 'aaaaaaaaaabb'],
  ['the name of the address', 'maria.silva-2026'],
])('a password that is %s is refused (THREATS I5)', (_why, password) => {
  expect(() => requireStrong(password, 'maria.silva@example.com')).toThrow(weak)
})

test('a good password passes, also for an address whose name is one letter', () => {
  expect(() => requireStrong('cavalo correto', 'maria@example.com')).not.toThrow()
  expect(() => requireStrong('cavalo correto', 'a@example.com')).not.toThrow()
})
