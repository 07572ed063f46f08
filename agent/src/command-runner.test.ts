import type { CommandOrder } from '@travessia/schemas/commands'
import { newId } from '@travessia/schemas/ids'
import type { CommandReport } from '@travessia/schemas/reports'
import { expect, onTestFinished, test, vi } from 'vitest'
import { key, orderOf, running, second } from './command-runner.fixture.ts'
import type { CommandResult } from './drivers/driver.ts'
import { eventually, serverKey } from './fixtures.ts'

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
    { outcome: 'failed', detail: 'DEVICE_ANSWER' },
    { status: 'failed', errorCode: 'DEVICE_ANSWER' },
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

test.each([
  ['AGENT_PAUSED', { isPaused: true }],
  ['POLICY_HOURS', { forbidden: 'POLICY_HOURS' as const }],
])(
  'what the site says while the clock is asked holds for the order that asks (%s)',
  async (errorCode, said) => {
    const { run, ran, world, journal } = running()
    world.now = () => undefined
    world.sync = async () => {
      world.now = () => Date.now()
      Object.assign(world, said)
      return Date.now()
    }
    const order = orderOf()
    expect(await run(order)).toMatchObject({ status: 'refused', errorCode })
    expect(ran).toEqual([])
    expect(journal.isStarted(order.id)).toBe(false)
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

/** An order waits two seconds for its device. */
function stopTheClock(): void {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
}

test('an order for a device that was registered just now waits for the list that names it', async () => {
  stopTheClock()
  const { runner, world, ended, ran } = running()
  const [listed, order] = [world.devices, orderOf()]
  world.devices = []
  await runner.receive(await key.sign(order))
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(ran).toEqual([])
  world.devices = listed
  expect(await ended(order.id)).toMatchObject({ status: 'succeeded' })
})

test('what happens while an order waits for its device holds for it: a pause on site, an agent that stops', async () => {
  stopTheClock()
  const paused = running()
  const stopped = running()
  const [listed, order] = [paused.world.devices, orderOf()]
  for (const { world, runner } of [paused, stopped]) {
    world.devices = []
    await runner.receive(await key.sign(order))
  }
  paused.world.isPaused = true
  paused.world.devices = listed
  expect(await paused.ended(order.id)).toMatchObject({ errorCode: 'AGENT_PAUSED' })
  await stopped.runner.stop()
  expect(await stopped.ended(order.id)).toMatchObject({ errorCode: 'AGENT_OFFLINE' })
  expect([...paused.ran, ...stopped.ran]).toEqual([])
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

test('an emergency stop ends what was ordered before it and has not begun, also what arrives behind it', async () => {
  let found = () => {}
  const look = new Promise<void>((resolve) => {
    found = resolve
  })
  const told: string[] = []
  const { runner, ended, ran } = running({
    execute: async (id, { startWithinMs }) => {
      if (id === looking.id) await look
      if (startWithinMs() <= 0) return { outcome: 'late' }
      told.push(id)
      return { outcome: 'accepted' }
    },
  })
  const [looking, waiting, behind] = [1, 2, 3].map((seq) => orderOf({ seq })) as [
    CommandOrder,
    CommandOrder,
    CommandOrder,
  ]
  const stop = orderOf({ name: 'EmergencyStop', args: {}, seq: 4 })
  const [later, other] = [orderOf({ seq: 5 }), orderOf({ seq: 1, deviceId: second.deviceId })]
  for (const order of [looking, waiting, stop]) await runner.receive(await key.sign(order))
  await eventually(() => expect(ran).toEqual([looking.id, stop.id]))
  for (const order of [behind, later, other]) await runner.receive(await key.sign(order))
  found()
  const refusal = { status: 'refused', errorCode: 'COMMAND_OVERTAKEN' }
  for (const { id } of [looking, waiting, behind]) expect(await ended(id)).toMatchObject(refusal)
  for (const { id } of [stop, later, other]) expect((await ended(id)).status).toBe('succeeded')
  expect(told.toSorted()).toEqual([stop.id, later.id, other.id].toSorted())
})

test.each(['forbidden on site', 'too late'])(
  'an emergency stop that is not told to its device ends nothing (%s)',
  async (why) => {
    let finish = () => {}
    const held = new Promise<void>((resolve) => {
      finish = resolve
    })
    const { runner, ended, ran, world } = running({
      execute: async (id, { startWithinMs }) => {
        if (id === slow.id) await held
        return startWithinMs() > 0 ? { outcome: 'accepted' } : { outcome: 'late' }
      },
    })
    const notBefore = Date.now() - (why === 'too late' ? 6_000 : 0)
    if (why !== 'too late') world.forbiddenName = 'EmergencyStop'
    const pause = { name: 'PausePrint', args: {}, notBefore, expiresAt: notBefore + 10_000 }
    const [slow, waiting] = [orderOf({ ...pause, seq: 1 }), orderOf({ ...pause, seq: 2 })]
    const expiresAt = notBefore + 5_000
    const stop = orderOf({ name: 'EmergencyStop', args: {}, seq: 3, notBefore, expiresAt })
    for (const order of [slow, waiting, stop]) await runner.receive(await key.sign(order))
    await ended(stop.id)
    finish()
    for (const { id } of [slow, waiting]) expect((await ended(id)).status).toBe('succeeded')
    expect(ran).toEqual([slow.id, waiting.id])
  },
)

test('what only makes a device safer comes behind an emergency stop, in case that one failed', async () => {
  let finish = () => {}
  const held = new Promise<void>((resolve) => {
    finish = resolve
  })
  const { runner, ended, ran } = running({
    execute: async (id) => {
      if (id === slow.id) await held
      return { outcome: 'accepted' }
    },
  })
  const slow = orderOf({ seq: 1 })
  const set = (target: number) => ({ name: 'SetTemperature', args: { heater: 'bed', target } })
  const cancel = orderOf({ name: 'CancelPrint', args: {}, seq: 2 })
  const [cool, heat] = [orderOf({ ...set(0), seq: 3 }), orderOf({ ...set(60), seq: 4 })]
  const stop = orderOf({ name: 'EmergencyStop', args: {}, seq: 5 })
  for (const order of [slow, cancel, cool, heat, stop]) await runner.receive(await key.sign(order))
  await ended(stop.id)
  finish()
  expect(await ended(heat.id)).toMatchObject({ errorCode: 'COMMAND_OVERTAKEN' })
  expect(ran).toEqual([slow.id, stop.id, cancel.id, cool.id])
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

test('however many orders wait at other devices, a device is stopped; of its own stops four wait', async () => {
  const { runner, ended, ran } = running({ execute: () => new Promise(() => undefined) })
  const { deviceId } = second
  const orders = Array.from({ length: 60 }, () => orderOf({ deviceId }))
  const stop = { name: 'EmergencyStop', args: {} }
  const stops = [deviceId, orderOf().deviceId].flatMap((deviceId) =>
    Array.from({ length: 4 }, () => orderOf({ ...stop, deviceId })),
  )
  const fifth = orderOf(stop)
  for (const order of [...orders, ...stops, fifth]) await runner.receive(await key.sign(order))
  await eventually(() => expect(ran).toEqual([orders[0], ...stops].map((order) => order?.id)))
  const last = await ended(fifth.id)
  expect(last).toMatchObject({ status: 'refused', errorCode: 'TUNNEL_BUSY' })
})
