import { expect, test } from 'vitest'
import { hashPassword, requireStrong, verifyPassword } from './passwords.ts'

const weak = expect.objectContaining({ code: 'PASSWORD_WEAK' })

test('a password is right or wrong, and two hashes of it differ', async () => {
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

test('an unknown user is a wrong password', async () => {
  expect(await verifyPassword('senha boa 7', undefined)).toBe(false)
})

test('the time of the answer does not tell an unknown user from a wrong password', async () => {
  const stored = await hashPassword('senha boa 7')
  const known: number[] = []
  const unknown: number[] = []
  const time = async (user: string | undefined, into: number[]) => {
    const begun = performance.now()
    await verifyPassword('senha boa 8', user)
    into.push(performance.now() - begun)
  }
  for (let round = 0; round < 7; round += 1) {
    await time(stored, known)
    await time(undefined, unknown)
  }
  const median = (times: number[]) => times.sort((a, b) => a - b)[3] ?? 0
  expect(median(unknown)).toBeGreaterThan(median(known) / 4)
  expect(median(unknown)).toBeLessThan(median(known) * 4)
})

test.each([
  ['short', 'abc1234'],
  ['on the list of common ones', 'Password123'],
  ['of few letters', 'aaaaaaaaaabb'],
  ['the name of the address', 'maria.silva-2026'],
])('a password that is %s is refused', (_why, password) => {
  expect(() => requireStrong(password, 'maria.silva@example.com')).toThrow(weak)
})

test('a good password passes, also for an address whose name is one letter', () => {
  expect(() => requireStrong('cavalo correto', 'maria@example.com')).not.toThrow()
  expect(() => requireStrong('cavalo correto', 'a@example.com')).not.toThrow()
})

test('only so many passwords are checked and wait at once, and later ones are again', async () => {
  const salt = Buffer.alloc(16).toString('base64url')
  const cheap = ['scrypt', 16, 1, 1, salt, Buffer.alloc(32).toString('base64url')].join('$')
  const checks = Array.from({ length: 70 }, () => verifyPassword('senha boa 7', cheap))
  const results = await Promise.allSettled(checks)
  const refused = results.flatMap((one) => ('reason' in one ? [one.reason] : []))
  expect(refused).toHaveLength(8)
  expect(refused[0]).toMatchObject({ code: 'NODE_BUSY' })
  expect(await verifyPassword('senha boa 7', cheap)).toBe(false)
})
