/** An order lives for seconds, by the clock of the server and by our own. */
import type { CommandOrder } from '@travessia/schemas/commands'
import { expect, test } from 'vitest'
import { type Execute, key, orderOf, running } from './command-runner.fixture.ts'
import { eventually } from './fixtures.ts'

test('an order past its expiry is refused as expired and never reaches the driver', async () => {
  const { run, ran } = running()
  const now = Date.now()
  expect(await run(orderOf({ notBefore: now - 5_000, expiresAt: now - 1 }))).toMatchObject({
    ...{ status: 'expired', errorCode: 'COMMAND_EXPIRED' },
  })
  expect(ran).toEqual([])
})

test('an order that lay in a queue for longer than it lives does not run, though the clock stood still', async () => {
  let finish = () => {}
  const held = new Promise<void>((resolve) => {
    finish = resolve
  })
  const { runner, ran, ended, world } = running({
    execute: async () => {
      await held
      return { outcome: 'accepted' }
    },
  })
  const now = Date.now()
  world.now = () => now
  const [first, late] = [orderOf(), orderOf({ notBefore: now, expiresAt: now + 40, seq: 2 })]
  await runner.receive(await key.sign(first))
  await runner.receive(await key.sign(late))
  setTimeout(finish, 80)
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

test('an order lives no longer than its kind, whatever it says', async () => {
  const lefts: number[] = []
  const { run, runner, ended, ran } = running({
    execute: async (_id, { startWithinMs }) => {
      lefts.push(startWithinMs())
      return { outcome: 'accepted' }
    },
  })
  const of = (ageMs: number) => {
    const notBefore = Date.now() - ageMs
    return orderOf({ notBefore, expiresAt: notBefore + 60_000 })
  }
  expect((await run(of(5_001))).status).toBe('expired')
  expect(ran).toEqual([])
  const fresh = of(1_000)
  await runner.receive(await key.sign(fresh))
  expect((await ended(fresh.id)).status).toBe('succeeded')
  expect(lefts[0]).toBeLessThanOrEqual(4_000)
})

/** A runner that thinks it is now, of a node whose clock was set by so much; it learns that when it asks. */
function stepped(step: number, execute?: Execute) {
  const runner = running(execute ? { execute } : {})
  const asked: number[] = []
  runner.world.sync = async () => {
    runner.world.now = () => Date.now() + step
    return asked.push(step)
  }
  const order = (lifeMs: number, other: Partial<CommandOrder> = {}) => {
    const notBefore = Date.now() + step
    return orderOf({ notBefore, expiresAt: notBefore + lifeMs, ...other })
  }
  return { ...runner, asked, order }
}
const emergencyStop = { name: 'EmergencyStop', args: {} }

test.each([-3_000, 3_000, 8_000])(
  "when the node's clock was set by %i ms the agent asks for the time, once, and goes on",
  async (step) => {
    const { run, order, ran, asked } = stepped(step)
    for (const one of [order(5_000), order(5_000)])
      expect((await run(one)).status).toBe('succeeded')
    expect([asked.length, ran.length]).toEqual([step > 0 ? 1 : 0, 2])
  },
)

test('what looks late on a clock that was set back may be late, and does not run; what comes after it does, and a stop at once', async () => {
  let finish = () => {}
  const held = new Promise<void>((resolve) => {
    finish = resolve
  })
  const { runner, run, order, ended, ran, asked } = stepped(-8_000, async (id) => {
    if (id === slow.id) await held
    return { outcome: 'accepted' }
  })
  const slow = orderOf()
  const [first, waiting] = [order(5_000, { seq: 2 }), order(5_000, { seq: 3 })]
  for (const one of [slow, first, waiting]) await runner.receive(await key.sign(one))
  await eventually(() => expect(ran).toEqual([slow.id]))
  finish()
  for (const { id } of [first, waiting]) expect((await ended(id)).status).toBe('expired')
  const next = order(5_000, { seq: 4 })
  expect((await run(next)).status).toBe('succeeded')
  expect([ran, asked.length]).toEqual([[slow.id, next.id], 1])
  const other = stepped(-8_000)
  expect((await other.run(other.order(5_000, emergencyStop))).status).toBe('succeeded')
})

test.each([
  ['unknown', () => undefined],
  ['behind the order', () => Date.now() - 3_600_000],
])(
  'an emergency stop is told on a clock that is %s, unless it was held too long',
  async (_, now) => {
    const { run, world, ran } = running({
      execute: async (_id, { startWithinMs }) => ({
        outcome: startWithinMs() > 0 ? 'accepted' : 'late',
      }),
    })
    world.now = now
    const stop = orderOf(emergencyStop)
    expect((await run(stop)).status).toBe('succeeded')
    world.sync = () => new Promise((resolve) => setTimeout(() => resolve(undefined), 60))
    const expiresAt = Date.now() + 50
    const held = orderOf({ ...emergencyStop, notBefore: expiresAt - 50, expiresAt })
    expect((await run(held)).status).not.toBe('succeeded')
    expect(ran).toEqual([stop.id])
  },
)

test('asked or not, an order whose time is over is not begun; one question serves all that came before it', async () => {
  let finish = () => {}
  const { runner, world, ended, ran } = running({
    execute: () =>
      new Promise((resolve) => {
        finish = () => resolve({ outcome: 'accepted' })
      }),
  })
  let asked = 0
  world.sync = async () => {
    asked += 1
    return undefined
  }
  const slow = orderOf()
  const notBefore = Date.now() - 6_000
  const late = [1, 2, 3].map((seq) => orderOf({ notBefore, expiresAt: notBefore + 5_000, seq }))
  for (const order of [slow, ...late]) await runner.receive(await key.sign(order))
  await eventually(() => expect(ran).toEqual([slow.id]))
  finish()
  for (const { id } of late) expect((await ended(id)).status).toBe('expired')
  expect([asked, ran]).toEqual([1, [slow.id]])
})

test('what came while the time was asked for does not live longer for the answer', async () => {
  const { run, world, ran } = running()
  const now = Date.now()
  world.now = () => undefined
  world.sync = async () => {
    await new Promise((resolve) => setTimeout(resolve, 60))
    world.now = () => now
    return now
  }
  expect((await run(orderOf({ notBefore: now, expiresAt: now + 50 }))).status).toBe('expired')
  expect(ran).toEqual([])
})

test('an unknown clock runs only what arrives on a fresh challenge', async () => {
  const { run, world, ran } = running()
  world.now = () => undefined
  expect(await run(orderOf())).toMatchObject({ status: 'refused', errorCode: 'CLOCK_UNKNOWN' })
  expect(ran).toEqual([])
  world.sync = async () => {
    world.now = () => Date.now()
    return Date.now()
  }
  expect((await run(orderOf())).status).toBe('succeeded')
})
