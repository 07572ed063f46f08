import { newId } from '@travessia/schemas/ids'
import { afterAll, expect, test } from 'vitest'
import type { DeviceRow } from '../views/devices.ts'
import { agentId, request, startBus, tenantId, userId } from './command-bus.fixture.ts'
import { Recorder } from './recorder.ts'

const at = await startBus()
const { clock, now, presence, orders, store, views, bus, makeBus, storeWith, typesOf } = at
afterAll(at.stop)

test('CommandIssued is durable before the answer and before anything is sent', async () => {
  const { promise, resolve: go } = Promise.withResolvers<void>()
  const held = storeWith(async (append) => {
    await promise
    return store.append(append)
  })
  const before = orders.length
  const answer = makeBus(held).issue(request())
  for (let i = 0; i < 10; i += 1) await new Promise(setImmediate)
  expect(orders.length).toBe(before)
  go()
  const { commandId } = await answer
  expect(await typesOf(commandId)).toEqual(['CommandIssued'])
  expect(orders.at(-1)).toMatchObject({ id: commandId, agentId, subject: userId, name: 'OpenGate' })
})

test('a log that refuses sends nothing', async () => {
  const refusing = storeWith(() => Promise.reject(new TypeError('closed')))
  const before = orders.length
  await expect(makeBus(refusing).issue(request())).rejects.toThrow('closed')
  expect(orders.length).toBe(before)
})

test('one key is one command, however often and however parallel it is sent', async () => {
  const before = orders.length
  const one = request({ idempotencyKey: 'tap-1' })
  const answers = await Promise.all(Array.from({ length: 10 }, () => bus.issue(one)))
  expect(new Set(answers.map(({ commandId }) => commandId)).size).toBe(1)
  expect(orders.length).toBe(before + 1)
  expect(await typesOf(answers[0]?.commandId ?? '')).toEqual(['CommandIssued'])
})

test('the same key for something else is refused; of another user or tenant it is another command', async () => {
  const one = request({ idempotencyKey: 'tap-2' })
  const { commandId } = await bus.issue(one)
  const reused = expect.objectContaining({ code: 'IDEMPOTENCY_KEY_REUSED' })
  await expect(bus.issue({ ...one, args: { direction: 'clockwise' } })).rejects.toEqual(reused)
  await expect(bus.issue({ ...one, device: request().device })).rejects.toEqual(reused)
  const other = await bus.issue({ ...one, userId: newId() })
  expect(other.commandId).not.toBe(commandId)
})

test('without a key each call is a command of its own, and their order per device is kept', async () => {
  const one = request()
  await Promise.all(Array.from({ length: 5 }, () => bus.issue(one)))
  const seqs = orders.filter(({ deviceId }) => deviceId === one.device.id).map(({ seq }) => seq)
  expect(seqs.sort()).toEqual([1, 2, 3, 4, 5])
  await views.until(await store.head())
  await makeBus(store).issue(one)
  expect(orders.at(-1)?.seq).toBe(6)
})

test('an agent that is offline is recorded as a refusal and nothing is sent, also at a repetition', async () => {
  presence.isOnline = false
  const before = orders.length
  const one = request({ idempotencyKey: 'tap-3' })
  for (let i = 0; i < 2; i += 1) {
    const error = await bus
      .issue(one)
      .catch((e: { code: string; details: { commandId: string } }) => e)
    expect(error).toMatchObject({ code: 'AGENT_OFFLINE' })
    if ('details' in error)
      expect(await typesOf(error.details.commandId)).toEqual(['CommandIssued', 'CommandRefused'])
  }
  presence.isOnline = true
  await expect(bus.issue(one)).rejects.toMatchObject({ code: 'AGENT_OFFLINE' })
  expect(orders.length).toBe(before)
  const nobody = request({ device: { ...one.device, installationId: newId() } })
  await expect(bus.issue(nobody)).rejects.toMatchObject({ code: 'AGENT_MISSING' })
})

test('an expiry may be shortened, never lengthened', async () => {
  const at = async (expiresInMs?: number) =>
    Date.parse(
      (await bus.issue(request(expiresInMs === undefined ? {} : { expiresInMs }))).expiresAt,
    ) - clock.now
  expect([await at(), await at(1_000), await at(60_000)]).toEqual([5_000, 1_000, 5_000])
})

test('a command lives from when the person acted; one that comes after that is recorded as expired and not sent', async () => {
  const before = orders.length
  const inTime = await bus.issue(request({ actedAt: clock.now - 4_999 }))
  expect(Date.parse(inTime.expiresAt)).toBe(clock.now + 1)
  const life = { notBefore: clock.now, expiresAt: clock.now + 1 }
  expect(orders.at(-1)).toMatchObject({ id: inTime.commandId, ...life })
  const late = request({ actedAt: clock.now - 5_000, idempotencyKey: 'tap-late' })
  for (let i = 0; i < 2; i += 1) {
    const error = await bus.issue(late).catch((e: { details: { commandId: string } }) => e)
    expect(error).toMatchObject({ code: 'COMMAND_EXPIRED' })
    if ('details' in error)
      expect(await typesOf(error.details.commandId)).toEqual(['CommandIssued', 'CommandExpired'])
  }
  const short = request({ actedAt: clock.now - 1_000, expiresInMs: 1_000 })
  await expect(bus.issue(short)).rejects.toMatchObject({ code: 'COMMAND_EXPIRED' })
  expect(orders.length).toBe(before + 1)
})

test('a tap from the future shows a wrong clock; by a second it is taken as of now', async () => {
  const { expiresAt } = await bus.issue(request({ actedAt: clock.now + 1_000 }))
  expect(Date.parse(expiresAt)).toBe(clock.now + 5_000)
  const ahead = request({ actedAt: clock.now + 1_001 })
  await expect(bus.issue(ahead)).rejects.toMatchObject({ code: 'COMMAND_EXPIRED' })
})

test('no clock that is ahead stops an emergency stop', async () => {
  const { device, ...rest } = request({ command: 'EmergencyStop', args: {} })
  const printer = { ...device, driver: 'octoprint' } as const
  const stop = { ...rest, device: printer, actedAt: clock.now + 60_000 }
  const { expiresAt } = await bus.issue(stop)
  expect(Date.parse(expiresAt)).toBe(clock.now + 5_000)
})

test.each([
  ['an unknown direction', { args: { direction: 'up' } }, 'MESSAGE_INVALID'],
  ['an argument too many', { args: { direction: 'both', force: true } }, 'MESSAGE_INVALID'],
  ['no argument', { args: {} }, 'MESSAGE_INVALID'],
])('%s is refused before anything is recorded', async (_what, change, code) => {
  const head = await store.head()
  await expect(bus.issue(request(change))).rejects.toMatchObject({ code })
  expect(await store.head()).toBe(head)
})

test('a device without an agent, or whose driver does not know it, takes no command', async () => {
  const { device } = request()
  for (const change of [{ viaAgent: false }, { driver: 'http' as const }])
    await expect(bus.issue(request({ device: { ...device, ...change } }))).rejects.toMatchObject({
      code: 'COMMAND_UNSUPPORTED',
    })
})

test('a report counts only from the agent that the command went to', async () => {
  const recorder = new Recorder({ store, views, now })
  const { commandId } = await bus.issue(request())
  const report = { kind: 'command', commandId, status: 'succeeded', at: clock.now } as const
  expect(await recorder.commandReport({ tenantId, agentId: newId() }, report)).toBeUndefined()
  expect(await recorder.commandReport({ tenantId: newId(), agentId }, report)).toBeUndefined()
  expect(await typesOf(commandId)).toEqual(['CommandIssued'])
  expect(await recorder.commandReport({ tenantId, agentId }, report)).toBe('succeeded')
  expect(await recorder.commandReport({ tenantId, agentId }, report)).toBe('succeeded')
  expect(await typesOf(commandId)).toEqual(['CommandIssued', 'CommandSucceeded'])
})

test('a report and the end of patience at once leave one terminal fact', async () => {
  const recorder = new Recorder({ store, views, now })
  const { commandId } = await bus.issue(request())
  const order = orders.at(-1)
  if (!order) throw new TypeError('no order')
  const start = clock.now
  clock.now += 60_000
  const report = { kind: 'command', commandId, at: clock.now } as const
  await Promise.all([
    recorder.giveUp(order, { now: clock.now, handedOver: true }),
    recorder.commandReport({ tenantId, agentId }, { ...report, status: 'succeeded' }),
    recorder.commandReport({ tenantId, agentId }, { ...report, status: 'failed' }),
    recorder.giveUp(order, { now: clock.now, handedOver: true }),
  ])
  clock.now = start
  const types = await typesOf(commandId)
  expect(
    types.filter((type) => /Succeeded|Failed|Unknown|Expired|Refused/.test(type)),
  ).toHaveLength(1)
})

test('a dangerous command needs a second yes, and without it leaves no trace', async () => {
  const before = await store.head()
  const restart = { command: 'RebootDevice', args: {} } as const
  await expect(bus.issue(request(restart))).rejects.toMatchObject({ code: 'CONFIRMATION_REQUIRED' })
  expect(await store.head()).toBe(before)
  const { commandId } = await bus.issue(request({ ...restart, isConfirmed: true }))
  expect(await typesOf(commandId)).toEqual(['CommandIssued'])
})

test('a button is pressed with its own safety class, and one that was not declared is unsupported', async () => {
  const light = { name: 'Luz', method: 'GET', path: '/light', safety: 'reversible' } as const
  const pump = { name: 'Bomba', method: 'POST', path: '/pump' } as const
  const { device } = request()
  const page: DeviceRow = { ...device, driver: 'http', buttons: [light, pump] }
  const press = (button: string, on = page) =>
    bus.issue(request({ device: on, command: 'PressButton', args: { button } }))
  for (const [name, safety] of [
    ['Luz', 'reversible'],
    ['Bomba', 'physical'],
  ] as const) {
    const [issued] = await store.readStream(tenantId, (await press(name)).commandId)
    expect(issued?.data).toMatchObject({ safety, args: { button: name } })
    expect(orders.at(-1)).toMatchObject({ name: 'PressButton', args: { button: name } })
  }
  const before = orders.length
  const unsupported = expect.objectContaining({ code: 'COMMAND_UNSUPPORTED' })
  await expect(press('Outra')).rejects.toEqual(unsupported)
  await expect(press('Luz', { ...page, viaAgent: false })).rejects.toEqual(unsupported)
  await expect(press('Luz', { ...page, driver: 'octoprint' })).rejects.toEqual(unsupported)
  expect(orders.length).toBe(before)
})
