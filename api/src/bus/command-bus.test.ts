import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandOrder } from '@travessia/schemas/commands'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sampleData } from '../audit/sample-data.ts'
import type { EventStore, NewEvent } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import type { DeviceRow } from '../views/devices.ts'
import { Views } from '../views/views.ts'
import { CommandBus, type CommandRequest } from './command-bus.ts'
import { Recorder } from './recorder.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-bus-'))
const [tenantId, installationId, agentId, userId] = Array.from({ length: 4 }, newId) as [
  string,
  string,
  string,
  string,
]
const clock = { now: Date.parse('2026-11-24T12:00:00Z') }
const now = () => clock.now
const orders: CommandOrder[] = []
let isOnline = true
let store: EventStore
let views: Views
let bus: CommandBus

beforeAll(async () => {
  store = await createSqliteStore(join(directory, 'events.db'))
  views = new Views({ store, path: join(directory, 'views.db'), log: pino({ level: 'silent' }) })
  await views.start()
  const event = {
    ...{ actor: { type: 'agent', id: agentId }, at: new Date(now()).toISOString() },
    ...{
      correlationId: newId(),
      installationId,
      type: 'AgentEnrolled',
      data: sampleData.AgentEnrolled,
    },
  } as NewEvent
  await store.append({
    tenantId,
    streamKind: 'agent',
    streamId: agentId,
    expected: 'none',
    events: [event],
  })
  await views.until(await store.head())
  bus = makeBus(store)
})
afterAll(async () => {
  await views.stop()
  await store.close()
  rmSync(directory, { recursive: true })
})

/** The real store with an append of its own. */
function storeWith(append: EventStore['append']): EventStore {
  const read: EventStore['readStream'] = (...where) => store.readStream(...where)
  return { append, readStream: read } as EventStore
}

function makeBus(one: EventStore): CommandBus {
  const dispatcher = { add: (order: CommandOrder) => void orders.push(order) }
  return new CommandBus({ store: one, views, dispatcher, isOnline: () => isOnline, now })
}

function request(change: Partial<CommandRequest> = {}): CommandRequest {
  const device = {
    ...{ ...sampleData.DeviceRegistered, id: newId(), tenantId, installationId },
    ...{ createdAt: '', changedAt: 1 },
  } as unknown as DeviceRow
  return {
    ...{ tenantId, userId, device, command: 'OpenGate', args: { direction: 'both' } },
    ...{ correlationId: newId(), ...change },
  }
}
const typesOf = async (commandId: string) =>
  (await store.readStream(tenantId, commandId)).map(({ type }) => type)

test('CommandIssued is durable before the answer and before anything is sent (THREATS C5, DESIGN 3.1)', async () => {
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

test('a log that refuses sends nothing (THREATS F10)', async () => {
  const refusing = storeWith(() => Promise.reject(new TypeError('closed')))
  const before = orders.length
  await expect(makeBus(refusing).issue(request())).rejects.toThrow('closed')
  expect(orders.length).toBe(before)
})

test('one key is one command, however often and however parallel it is sent (THREATS C4)', async () => {
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

test('without a key each call is a command of its own, and their order per device is kept (THREATS C7)', async () => {
  const one = request()
  await Promise.all(Array.from({ length: 5 }, () => bus.issue(one)))
  const seqs = orders.filter(({ deviceId }) => deviceId === one.device.id).map(({ seq }) => seq)
  expect(seqs.sort()).toEqual([1, 2, 3, 4, 5])
  await views.until(await store.head())
  await makeBus(store).issue(one)
  expect(orders.at(-1)?.seq).toBe(6)
})

test('an agent that is offline is recorded as a refusal and nothing is sent, also at a repetition (THREATS C5)', async () => {
  isOnline = false
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
  isOnline = true
  await expect(bus.issue(one)).rejects.toMatchObject({ code: 'AGENT_OFFLINE' })
  expect(orders.length).toBe(before)
  const nobody = request({ device: { ...one.device, installationId: newId() } })
  await expect(bus.issue(nobody)).rejects.toMatchObject({ code: 'AGENT_MISSING' })
})

test('an expiry may be shortened, never lengthened (THREATS C2)', async () => {
  const at = async (expiresInMs?: number) =>
    Date.parse(
      (await bus.issue(request(expiresInMs === undefined ? {} : { expiresInMs }))).expiresAt,
    ) - clock.now
  expect([await at(), await at(1_000), await at(60_000)]).toEqual([5_000, 1_000, 5_000])
})

test.each([
  ['an unknown direction', { args: { direction: 'up' } }, 'MESSAGE_INVALID'],
  ['an argument too many', { args: { direction: 'both', force: true } }, 'MESSAGE_INVALID'],
  ['no argument', { args: {} }, 'MESSAGE_INVALID'],
])('%s is refused before anything is recorded (THREATS C1)', async (_what, change, code) => {
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

test('a report counts only from the agent that the command went to (THREATS B4)', async () => {
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

test('a report and the end of patience at once leave one terminal fact (THREATS C5, C6)', async () => {
  const recorder = new Recorder({ store, views, now })
  const { commandId } = await bus.issue(request())
  const order = orders.at(-1)
  if (!order) throw new TypeError('no order')
  const start = clock.now
  clock.now += 60_000
  const report = { kind: 'command', commandId, at: clock.now } as const
  await Promise.all([
    recorder.giveUp(order, true),
    recorder.commandReport({ tenantId, agentId }, { ...report, status: 'succeeded' }),
    recorder.commandReport({ tenantId, agentId }, { ...report, status: 'failed' }),
    recorder.giveUp(order, true),
  ])
  clock.now = start
  const types = await typesOf(commandId)
  expect(
    types.filter((type) => /Succeeded|Failed|Unknown|Expired|Refused/.test(type)),
  ).toHaveLength(1)
})

test('a dangerous command needs a second yes, and without it leaves no trace (THREATS C8)', async () => {
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

const facts = { name: 'peça.gcode', length: 3, sha256: '0'.repeat(64) }

/** An UploadFile for a file that the log knows. */
async function uploadRequest(change: Partial<CommandRequest> = {}) {
  const device = { ...request().device, driver: 'octoprint' as const }
  const file = newId()
  const stream = { tenantId, streamKind: 'file', streamId: file } as const
  const context = {
    ...{ actor: { type: 'user', id: userId } as const, at: new Date(now()).toISOString() },
    ...{ installationId, deviceId: device.id, correlationId: newId() },
  }
  const data = { ...facts, expiresAt: new Date(now() + 60_000).toISOString() }
  const uploaded = { ...context, type: 'FileUploaded', data } as const
  await views.until(
    (await store.append({ ...stream, expected: 'none', events: [uploaded] })).position,
  )
  const remove = async () => {
    const removed = {
      ...context,
      type: 'FileRemoved',
      data: { name: 'x', reason: 'sent' },
    } as const
    await views.until((await store.append({ ...stream, expected: 1, events: [removed] })).position)
  }
  const one = request({ device, command: 'UploadFile', args: { file }, ...change })
  return { one, remove, file }
}

test('the order for a file carries what is signed of it, from the fact and not from the caller', async () => {
  const { one } = await uploadRequest()
  const { commandId } = await bus.issue(one)
  expect(orders.at(-1)).toMatchObject({ id: commandId, body: facts })
  const [issued] = await store.readStream(tenantId, commandId)
  expect(issued?.data).toMatchObject({ body: facts })
})

test('a file of another device, another tenant or of nobody does not exist, and leaves no trace', async () => {
  const { one, file } = await uploadRequest()
  const head = await store.head()
  for (const other of [
    { device: { ...one.device, id: newId() } },
    { tenantId: newId(), device: one.device },
    { args: { file: newId() } },
  ])
    await expect(bus.issue({ ...one, ...other })).rejects.toMatchObject({ code: 'FILE_GONE' })
  expect(await store.head()).toBe(head)
  expect((await bus.issue({ ...one, args: { file } })).commandId).toBeDefined()
})

test('a file that is used up or over is refused on record; the repetition of what used it is still the same command', async () => {
  const { one, remove } = await uploadRequest({ idempotencyKey: 'file-1' })
  const { commandId } = await bus.issue(one)
  await remove()
  expect((await bus.issue(one)).commandId).toBe(commandId)
  const { idempotencyKey: _key, ...again } = one
  const error = await bus.issue(again).catch((cause) => cause)
  expect(error).toMatchObject({ code: 'FILE_GONE' })
  expect(await typesOf(error.details.commandId)).toEqual(['CommandIssued', 'CommandRefused'])
  const { one: late } = await uploadRequest()
  clock.now += 60_000
  await expect(bus.issue(late)).rejects.toMatchObject({ code: 'FILE_GONE' })
  clock.now -= 60_000
})
