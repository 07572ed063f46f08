import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import type { CommandReport } from '@travessia/schemas/reports'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Execute, key, orderOf, running, second } from './command-runner.fixture.ts'
import type { CommandResult } from './drivers/driver.ts'
import { eventually, serverKey, temporaryDirectory } from './fixtures.ts'
import { Journal } from './journal.ts'

test('an order runs once and is reported delivered, running and succeeded', async () => {
  const { run, reports, ran } = running()
  const order = orderOf()
  expect(await run(order)).toMatchObject({ status: 'succeeded', confirmed: false })
  expect(reports.map(({ status }) => status)).toEqual(['delivered', 'running', 'succeeded'])
  expect(ran).toEqual([order.id])
})

test.each<[CommandResult, Partial<CommandReport>]>([
  [{ outcome: 'accepted' }, { status: 'succeeded', confirmed: false }],
  [{ outcome: 'confirmed' }, { status: 'succeeded', confirmed: true }],
  [
    { outcome: 'denied', detail: 'd' },
    { status: 'refused', errorCode: 'COMMAND_REFUSED' },
  ],
  [
    { outcome: 'unsupported', detail: 'd' },
    { status: 'refused', errorCode: 'COMMAND_UNSUPPORTED' },
  ],
  [{ outcome: 'late' }, { status: 'expired', errorCode: 'COMMAND_EXPIRED' }],
  [
    { outcome: 'failed', detail: 'd' },
    { status: 'failed', errorCode: 'DEVICE_UNREACHABLE' },
  ],
  [
    { outcome: 'unknown', detail: 'd' },
    { status: 'unknown', errorCode: 'COMMAND_UNKNOWN' },
  ],
])("the driver's %o is reported as %o", async (result, expected) => {
  expect(await running({ execute: async () => result }).run(orderOf())).toMatchObject(expected)
})

test('what is not signed by the server, or is for somebody else, is refused without a report', async () => {
  const { runner, reports, ran } = running()
  const stranger = await serverKey()
  const good = await key.sign(orderOf())
  const middle = good.indexOf('.') + 20
  const altered =
    good.slice(0, middle) + (good[middle] === 'A' ? 'B' : 'A') + good.slice(middle + 1)
  const refused = [
    await stranger.sign(orderOf()),
    altered,
    await key.sign(orderOf(), 'devices'),
    await key.sign(orderOf({ agentId: newId() })),
    await key.sign(orderOf({ tenantId: newId() })),
    'nonsense',
  ]
  for (const jws of refused)
    await expect(runner.receive(jws)).rejects.toMatchObject({ code: 'COMMAND_SIGNATURE_INVALID' })
  await expect(runner.receive(await key.sign({ a: 1 }))).rejects.toMatchObject({
    code: 'MESSAGE_INVALID',
  })
  expect(reports).toEqual([])
  expect(ran).toEqual([])
})

test('an order that comes again is answered with its end and does not run again', async () => {
  const { run, runner, reports, ran } = running()
  const order = orderOf()
  await run(order)
  await runner.receive(await key.sign(order))
  await eventually(() =>
    expect(reports.filter(({ status }) => status === 'succeeded')).toHaveLength(2),
  )
  expect(ran).toHaveLength(1)
})

test('an order that comes again while it waits or runs does not run twice', async () => {
  let finish: () => void = () => undefined
  const held = new Promise<CommandResult>((resolve) => {
    finish = () => resolve({ outcome: 'accepted' })
  })
  const { runner, ran, ended } = running({ execute: () => held })
  const [first, waiting] = [orderOf(), orderOf({ seq: 2 })]
  const all = [first, waiting, first, waiting, first]
  await Promise.all(all.map(async (order) => runner.receive(await key.sign(order))))
  await eventually(() => expect(ran).toHaveLength(1))
  finish()
  await ended(waiting.id)
  expect(ran).toEqual([first.id, waiting.id])
})

test('an order past its expiry is refused as expired and never reaches the driver', async () => {
  const { run, ran } = running()
  const now = Date.now()
  expect(await run(orderOf({ notBefore: now - 10_000, expiresAt: now - 1 }))).toMatchObject({
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

test('an unknown clock runs only what arrives on a fresh challenge', async () => {
  const { run, world, ran } = running()
  world.now = () => undefined
  expect(await run(orderOf())).toMatchObject({ status: 'refused', errorCode: 'CLOCK_UNKNOWN' })
  expect(ran).toEqual([])
  world.synced = Date.now()
  const order = orderOf()
  world.now = () => (world.synced === undefined ? undefined : undefined)
  expect((await run(order)).status).toBe('expired')
  let asked = 0
  world.now = () => (asked++ === 0 ? undefined : Date.now())
  expect((await run(orderOf())).status).toBe('succeeded')
})

test.each(['POLICY_FORBIDS', 'POLICY_HOURS'] as const)(
  'what the rules of the site forbid never reaches the driver, although the server has signed it (%s)',
  async (errorCode) => {
    const { run, ran, world, reports } = running()
    world.forbidden = errorCode
    expect(await run(orderOf())).toMatchObject({ status: 'refused', errorCode })
    expect(reports.map(({ status }) => status)).toEqual(['delivered', 'refused'])
    world.forbidden = undefined
    expect(ran).toEqual([])
  },
)

test('while the agent is paused on site every order is refused, and after it none of them runs', async () => {
  const { run, runner, world, ran } = running()
  world.isPaused = true
  const order = orderOf()
  expect(await run(order)).toMatchObject({ status: 'refused', errorCode: 'AGENT_PAUSED' })
  world.isPaused = false
  await runner.receive(await key.sign(order))
  expect(ran).toEqual([])
})

test('unknown devices, unknown commands and wrong arguments are refused by name', async () => {
  const { run, ran } = running()
  const refusal = (errorCode: string) => ({ status: 'refused', errorCode })
  expect(await run(orderOf({ deviceId: newId() }))).toMatchObject(refusal('AGENT_NOT_READY'))
  for (const other of [
    { name: 'Explode' },
    { name: 'constructor' },
    { args: { direction: 'up' } },
    { args: {} },
    { args: { direction: 'both', more: 1 } },
  ])
    expect(await run(orderOf(other))).toMatchObject(refusal('COMMAND_UNSUPPORTED'))
  expect(ran).toEqual([])
})

test('two orders for one device run one after the other as they came; another device does not wait', async () => {
  const finish = new Map<string, () => void>()
  const { runner, ran, ended } = running({
    execute: (id) =>
      new Promise((resolve) => {
        finish.set(id, () => resolve({ outcome: 'accepted' }))
      }),
  })
  const orders = [1, 2, 3].map((seq) => orderOf({ seq }))
  const other = orderOf({ deviceId: second.deviceId })
  const signed = await Promise.all([...orders, other].map((order) => key.sign(order)))
  await Promise.all(signed.map((jws) => runner.receive(jws)))
  await eventually(() => expect(ran).toEqual([orders[0]?.id, other.id]))
  for (const { id } of orders) {
    await eventually(() => expect(ran).toContain(id))
    finish.get(id)?.()
    await ended(id)
  }
  expect(ran.filter((id) => id !== other.id)).toEqual(orders.map(({ id }) => id))
  finish.get(other.id)?.()
})

test('an emergency stop does not wait behind the command that runs, and what comes later waits for both', async () => {
  const release: Array<() => void> = []
  const { runner, ran, ended } = running({
    execute: () => new Promise((resolve) => release.push(() => resolve({ outcome: 'accepted' }))),
  })
  const [slow, stop, later] = [orderOf(), orderOf({ name: 'EmergencyStop', args: {} }), orderOf()]
  for (const order of [slow, stop, later]) await runner.receive(await key.sign(order))
  await eventually(() => expect(ran).toEqual([slow.id, stop.id]))
  release[1]?.()
  await ended(stop.id)
  expect(ran).toEqual([slow.id, stop.id])
  release[0]?.()
  await eventually(() => expect(ran).toEqual([slow.id, stop.id, later.id]))
  release[2]?.()
  await ended(later.id)
})

test('orders that arrive in one breath keep their order though signatures take their time', async () => {
  const { runner, ran, ended } = running()
  const orders = Array.from({ length: 20 }, (_, i) => orderOf({ seq: i + 1 }))
  const signed = await Promise.all(orders.map((order) => key.sign(order)))
  for (const jws of signed) void runner.receive(jws)
  for (const { id } of orders) await ended(id)
  expect(ran).toEqual(orders.map(({ id }) => id))
})

test('the 65th order that waits is refused as too many', async () => {
  const { runner, ended, ran } = running({ execute: () => new Promise(() => undefined) })
  const orders = Array.from({ length: 65 }, () => orderOf())
  for (const order of orders) await runner.receive(await key.sign(order))
  const last = orders.at(-1)?.id ?? ''
  expect(await ended(last)).toMatchObject({ status: 'refused', errorCode: 'TUNNEL_BUSY' })
  expect(ran).toHaveLength(1)
})

test('killed between start and end: after the restart it is unknown, said at the connection, never run again', async () => {
  const before = running({ execute: () => new Promise(() => undefined) })
  const order = orderOf()
  await before.runner.receive(await key.sign(order))
  await eventually(() => expect(before.ran).toHaveLength(1))
  const after = running({ journalPath: before.journalPath })
  after.runner.resend()
  expect(await after.ended(order.id)).toMatchObject({ status: 'unknown' })
  await after.runner.receive(await key.sign(order))
  await eventually(() => expect(after.reports).toHaveLength(2))
  expect(after.ran).toEqual([])
})

test('a driver that throws after the start leaves the outcome unknown', async () => {
  const { run } = running({ execute: () => Promise.reject(new Error('bug')) })
  expect(await run(orderOf())).toMatchObject({ status: 'unknown' })
})

test('a journal that cannot be written means nothing was begun: failed, and the agent lives on', async () => {
  const { run, journal, ran } = running()
  journal.close()
  expect(await run(orderOf())).toMatchObject({ status: 'failed', errorCode: 'INTERNAL' })
  expect(ran).toEqual([])
})

test('an end that the broker did not take is said at the next connection, however late', async () => {
  const { runner, reports, ran, world, endOf } = running()
  world.isOnline = false
  const order = orderOf()
  await runner.receive(await key.sign(order))
  await eventually(() => expect(ran).toHaveLength(1))
  expect(reports).toEqual([])
  world.isOnline = true
  await eventually(() => {
    runner.resend()
    expect(endOf(order.id)).toMatchObject({ status: 'succeeded' })
  })
})

test('what is said again after a reconnect never comes faster than the broker takes it', async () => {
  const { runner, journal, reports } = running()
  const ids = Array.from({ length: 1_000 }, () => newId())
  for (const commandId of ids)
    journal.ended({ kind: 'command', commandId, status: 'succeeded', at: Date.now() })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  runner.resend()
  await vi.advanceTimersByTimeAsync(950)
  const inOneSecond = reports.length
  expect(inOneSecond).toBeGreaterThanOrEqual(100)
  expect(inOneSecond).toBeLessThanOrEqual(250)
  expect(reports[0]?.commandId).toBe(ids.at(-1))
  // Another reconnect in between: one repetition goes on, not two beside each other.
  runner.resend()
  await vi.advanceTimersByTimeAsync(950)
  expect(reports.length - inOneSecond).toBeLessThanOrEqual(250)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(new Set(reports.map(({ commandId }) => commandId)).size).toBe(1_000)
})

test('a stop ends what runs as the driver says, and what waits as not begun', async () => {
  const { runner, ended, ran } = running({
    execute: (_id, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ outcome: 'unknown', detail: 'stopped' }))
      }),
  })
  const [running1, waiting] = [orderOf(), orderOf({ seq: 2 })]
  await runner.receive(await key.sign(running1))
  await runner.receive(await key.sign(waiting))
  await eventually(() => expect(ran).toHaveLength(1))
  await runner.stop()
  expect((await ended(running1.id)).status).toBe('unknown')
  expect((await ended(waiting.id)).status).toBe('failed')
  expect(ran).toEqual([running1.id])
})

test('a driver that does not come back is noticed', async () => {
  const { runner, ran } = running({ execute: () => new Promise(() => undefined) })
  expect(runner.isWorking).toBe(true)
  await runner.receive(await key.sign(orderOf()))
  await eventually(() => expect(ran).toHaveLength(1))
  expect(runner.isWorking).toBe(true)
  const later = performance.now() + 121_000
  const clock = vi.spyOn(performance, 'now').mockReturnValue(later)
  onTestFinished(() => clock.mockRestore())
  expect(runner.isWorking).toBe(false)
})

test('whatever is delivered again and however often the agent dies, each order reaches the device at most once', async () => {
  const orders = Array.from({ length: 4 }, (_, i) => orderOf({ seq: i + 1 }))
  const signed = await Promise.all(orders.map((order) => key.sign(order)))
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.nat(3) },
    { weight: 1, arbitrary: fc.constant('crash' as const) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 14 }),
      fc.array(fc.boolean()),
      async (steps, hangs) => {
        const journalPath = join(temporaryDirectory(), 'journal')
        const touched: string[] = []
        const start = () => {
          const life = { isDead: false }
          const execute: Execute = async (id) => {
            if (!life.isDead) touched.push(id)
            return hangs[touched.length] ? new Promise(() => undefined) : { outcome: 'accepted' }
          }
          return { life, ...running({ journalPath, execute }) }
        }
        let process = start()
        for (const one of steps) {
          if (one === 'crash') {
            process.life.isDead = true
            process = start()
          } else {
            await process.runner.receive(signed[one] ?? '')
          }
        }
        await new Promise((resolve) => setImmediate(resolve))
        process.life.isDead = true
        expect(new Set(touched).size).toBe(touched.length)
        const reopened = new Journal(journalPath)
        for (const id of touched) expect(reopened.outcomeOf(id)).toMatchObject({ commandId: id })
      },
    ),
    { numRuns: 60 },
  )
})
