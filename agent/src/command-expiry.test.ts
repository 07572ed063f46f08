/** An order lives for seconds, by the clock of the server and by our own. */
import { expect, test } from 'vitest'
import { key, orderOf, running } from './command-runner.fixture.ts'

test('an order past its expiry is refused as expired and never reaches the driver', async () => {
  const { run, ran } = running()
  const now = Date.now()
  expect(await run(orderOf({ notBefore: now - 5_000, expiresAt: now - 1 }))).toMatchObject({
    ...{ status: 'expired', errorCode: 'COMMAND_EXPIRED' },
  })
  expect(ran).toEqual([])
})

test('an order that lay in a queue for longer than it lives does not run, though the clock stood still', async () => {
  const { runner, ran, ended, world } = running({
    execute: () => new Promise((resolve) => setTimeout(() => resolve({ outcome: 'accepted' }), 80)),
  })
  const now = Date.now()
  world.now = () => now
  const [first, late] = [orderOf(), orderOf({ notBefore: now, expiresAt: now + 40, seq: 2 })]
  await runner.receive(await key.sign(first))
  await runner.receive(await key.sign(late))
  expect((await ended(late.id)).status).toBe('expired')
  expect(ran).toEqual([first.id])
})

test('the time that is left is asked at the last moment: nothing is left after the expiry or on an unknown clock', async () => {
  const lefts: number[] = []
  const { run, world } = running({
    execute: async (_id, { startWithinMs }) => {
      lefts.push(startWithinMs())
      const now = world.now() ?? 0
      world.now = () => now + 5_000
      lefts.push(startWithinMs())
      world.now = () => undefined
      lefts.push(startWithinMs())
      return { outcome: 'late' }
    },
  })
  await run(orderOf())
  const [before = 0, after = 0, unknown = 0] = lefts
  expect(before).toBeGreaterThan(0)
  expect(after).toBeLessThanOrEqual(0)
  expect(unknown).toBeLessThanOrEqual(0)
})

test('an order from the future shows a wrong clock and does not run', async () => {
  const { run, ran } = running()
  const notBefore = Date.now() + 3_600_000
  expect(await run(orderOf({ notBefore, expiresAt: notBefore + 5_000 }))).toMatchObject({
    ...{ status: 'refused', errorCode: 'CLOCK_UNKNOWN' },
  })
  expect(ran).toEqual([])
})

test('an order that would live longer than its kind does not run', async () => {
  const { run, ran } = running()
  const notBefore = Date.now()
  expect(await run(orderOf({ notBefore, expiresAt: notBefore + 5_001 }))).toMatchObject({
    ...{ status: 'refused', errorCode: 'CLOCK_UNKNOWN' },
  })
  expect(ran).toEqual([])
})

test('an unknown clock runs only what arrives on a fresh challenge', async () => {
  const { run, world, ran } = running()
  world.now = () => undefined
  expect(await run(orderOf())).toMatchObject({ status: 'refused', errorCode: 'CLOCK_UNKNOWN' })
  expect(ran).toEqual([])
  world.sync = async () => Date.now()
  const order = orderOf()
  expect((await run(order)).status).toBe('expired')
  let asked = 0
  world.now = () => (asked++ === 0 ? undefined : Date.now())
  expect((await run(orderOf())).status).toBe('succeeded')
})
