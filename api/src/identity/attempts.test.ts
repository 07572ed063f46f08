import { expect, test } from 'vitest'
import { Attempts, networkOf } from './attempts.ts'

function setUp() {
  const clock = { now: 0 }
  const attempts = new Attempts({ max: 3, windowMs: 60_000, now: () => clock.now })
  return { clock, attempts }
}
const limited = (retryAfterSeconds: number) =>
  expect.objectContaining({ code: 'RATE_LIMITED', details: { retryAfterSeconds } })

test('the fourth try within the window is refused and told when to come back', () => {
  const { attempts, clock } = setUp()
  for (const at of [0, 10_000, 20_000]) {
    clock.now = at
    attempts.require('a')
    attempts.failed('a')
  }
  expect(() => attempts.require('a')).toThrow(limited(40))
  expect(() => attempts.require('b')).not.toThrow()
  clock.now = 60_000
  expect(() => attempts.require('a')).not.toThrow()
  attempts.failed('a')
  expect(() => attempts.require('a')).toThrow(limited(10))
})

test('a success forgives the failures of its key', () => {
  const { attempts } = setUp()
  for (let i = 0; i < 3; i += 1) attempts.failed('a')
  attempts.succeeded('a')
  expect(() => attempts.require('a')).not.toThrow()
})

test('many keys do not push a busy one out, and memory is bounded', () => {
  const { attempts } = setUp()
  for (let i = 0; i < 3; i += 1) attempts.failed('first')
  for (let i = 0; i < 49_999; i += 1) attempts.failed(`k${i}`)
  expect(() => attempts.require('first')).toThrow()
  attempts.failed('one more')
  expect(() => attempts.require('first')).not.toThrow()
})

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1:2:3%eth0', 'fe80:0:0:0::/64'],
  ['::ffff:192.0.2.7', '::ffff:c000:207'],
  ['no:address', 'no:address'],
])('the failures of %s count for %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})

test('what was forgiven does not count, and what failed before it does', () => {
  const { attempts } = setUp()
  for (let i = 0; i < 3; i += 1) attempts.failed('a')
  attempts.forgive('a')
  expect(() => attempts.require('a')).not.toThrow()
  attempts.failed('a')
  expect(() => attempts.require('a')).toThrow(limited(60))
})
