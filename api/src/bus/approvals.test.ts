import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandOrder } from '@travessia/schemas/commands'
import { TravessiaError } from '@travessia/schemas/errors'
import type { Fact, StreamKind } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sampleData } from '../audit/sample-data.fixture.ts'
import { approvalMs, maxAwaiting } from '../domain/approval.ts'
import type { EventStore, NewEvent } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import type { DeviceRow } from '../views/devices.ts'
import { Views } from '../views/views.ts'
import { Approvals } from './approvals.ts'
import { CommandBus, type CommandRequest } from './command-bus.ts'
import { Recorder } from './recorder.ts'

const pump = { name: 'Ligar bomba', method: 'POST' as const, path: '/pump?on=1' }
const directory = mkdtempSync(join(tmpdir(), 'travessia-approvals-'))
const ids = Array.from({ length: 5 }, newId)
const [tenantId = '', installationId = '', agentId = '', asker = '', second = ''] = ids
const clock = { now: Date.parse('2026-11-24T12:00:00Z') }
const now = () => clock.now
const log = pino({ level: 'silent' })
const orders: CommandOrder[] = []
let isOnline = true
let store: EventStore
let views: Views
let bus: CommandBus
let approvals: Approvals

beforeAll(async () => {
  store = await createSqliteStore(join(directory, 'events.db'))
  views = new Views({ store, path: join(directory, 'views.db'), log })
  await views.start()
  await write('agent', agentId, { type: 'AgentEnrolled', data: sampleData.AgentEnrolled })
  const secondPerson = { safety: ['physical' as const], deviceIds: [] }
  await write('policy', tenantId, { type: 'PolicyChanged', data: { secondPerson } })
  for (const userId of [asker, second])
    await write('access', userId, { type: 'RoleGranted', data: { userId, role: 'operator' } })
  const dispatcher = { add: (order: CommandOrder) => void orders.push(order) }
  const deps = { store, views, dispatcher, isOnline: () => isOnline, now, log }
  bus = new CommandBus(deps)
  approvals = new Approvals({ ...deps, commands: bus })
})
afterAll(async () => {
  await approvals.stop()
  await views.stop()
  await store.close()
  rmSync(directory, { recursive: true })
})

async function write(streamKind: StreamKind, streamId: string, fact: Fact): Promise<void> {
  const actor = { type: 'user', id: asker } as const
  const context = { actor, at: new Date(now()).toISOString(), correlationId: newId() }
  const events = [{ ...context, installationId, ...fact } as NewEvent]
  await store.append({ tenantId, streamKind, streamId, expected: 'any', events })
  await views.until(await store.head())
}

/** A gate of its own. */
async function gate(): Promise<DeviceRow> {
  const id = newId()
  await write('device', id, { type: 'DeviceRegistered', data: sampleData.DeviceRegistered })
  return views.devices.get(tenantId, id) as DeviceRow
}

async function ask(change: Partial<CommandRequest> = {}) {
  const answer = await bus.issue({
    ...{ tenantId, userId: asker, device: await gate(), command: 'OpenGate' },
    ...{ args: { direction: 'both' }, correlationId: newId(), ...change },
  })
  await views.until(await store.head())
  return answer
}
async function rowOf(commandId: string) {
  const row = await views.commands.get(tenantId, commandId)
  if (!row) throw new TypeError('no command')
  return row
}
const typesOf = async (commandId: string) =>
  (await store.readStream(tenantId, commandId)).map(({ type }) => type)

test('under the rule a command is held, and nothing is sent until another person approves it', async () => {
  const before = orders.length
  const { commandId, status, expiresAt } = await ask()
  expect([status, Date.parse(expiresAt)]).toEqual(['awaiting', now() + approvalMs])
  expect(await typesOf(commandId)).toEqual(['CommandHeld'])
  expect(await views.commands.open()).toEqual([])
  clock.now += 60_000
  await approvals.approve(await rowOf(commandId), { userId: second })
  expect(await typesOf(commandId)).toEqual(['CommandHeld', 'CommandApproved', 'CommandIssued'])
  expect(orders.length).toBe(before + 1)
  const at = now()
  const order = { id: commandId, agentId, subject: asker, notBefore: at, expiresAt: at + 5_000 }
  expect(orders.at(-1)).toMatchObject(order)
  const actors = (await store.readStream(tenantId, commandId)).map(({ actor }) => actor.id)
  expect(actors).toEqual([asker, second, asker])
  expect(await rowOf(commandId)).toMatchObject({ userId: asker, decidedBy: second })
})

test('a yes that comes late sends nothing and ends nothing; the next one lives from when it was said', async () => {
  const { commandId } = await ask()
  const before = orders.length
  const late = approvals.approve(await rowOf(commandId), { userId: second, actedAt: now() - 5_000 })
  await expect(late).rejects.toMatchObject({ code: 'COMMAND_EXPIRED' })
  expect(await typesOf(commandId)).toEqual(['CommandHeld'])
  await approvals.approve(await rowOf(commandId), { userId: second, actedAt: now() - 2_000 })
  expect(orders).toHaveLength(before + 1)
  expect(orders.at(-1)).toMatchObject({ notBefore: now(), expiresAt: now() + 3_000 })
})

test('every fact of a command that was given in a session names it, also when others decide later', async () => {
  const sessionId = newId()
  const sessionsOf = async ({ commandId }: { commandId: string }) =>
    (await store.readStream(tenantId, commandId)).map((fact) => fact.sessionId)
  const approved = await ask({ sessionId })
  await approvals.approve(await rowOf(approved.commandId), { userId: second })
  expect(await sessionsOf(approved)).toEqual([sessionId, sessionId, sessionId])
  const rejected = await ask({ sessionId })
  await approvals.reject(await rowOf(rejected.commandId), { userId: second })
  expect(await sessionsOf(rejected)).toEqual([sessionId, sessionId])
  expect(await sessionsOf(await ask())).toEqual([undefined])
})

test('an approval is durable before anything is sent', async () => {
  const { commandId } = await ask()
  const row = await rowOf(commandId)
  const refusing: EventStore = Object.assign(Object.create(store) as EventStore, {
    readStream: (...where: Parameters<EventStore['readStream']>) => store.readStream(...where),
    append: () => Promise.reject(new TypeError('closed')),
  })
  const dispatcher = { add: (order: CommandOrder) => void orders.push(order) }
  const deps = { store: refusing, views, dispatcher, commands: bus, now, log }
  const before = orders.length
  const broken = new Approvals({ ...deps, isOnline: () => true })
  await expect(broken.approve(row, { userId: second })).rejects.toThrow('closed')
  expect(orders.length).toBe(before)
})

test('whoever asked is refused, and ten approvals at once send one order', async () => {
  const { commandId } = await ask()
  const row = await rowOf(commandId)
  await expect(approvals.approve(row, { userId: asker })).rejects.toMatchObject({
    code: 'APPROVAL_BY_REQUESTER',
  })
  const before = orders.length
  await Promise.all(Array.from({ length: 10 }, () => approvals.approve(row, { userId: second })))
  expect(orders.length).toBe(before + 1)
})

test('a key repeated while its command waits is the same command', async () => {
  const device = await gate()
  const first = await ask({ device, idempotencyKey: 'hold-1' })
  expect(await ask({ device, idempotencyKey: 'hold-1' })).toEqual(first)
  await approvals.approve(await rowOf(first.commandId), { userId: second })
  expect(await ask({ device, idempotencyKey: 'hold-1' })).toEqual(first)
  expect(orders.filter(({ id }) => id === first.commandId)).toHaveLength(1)
})

test('rejected or lapsed, it is never sent', async () => {
  const before = orders.length
  const [no, late] = [await ask(), await ask()]
  await approvals.reject(await rowOf(no.commandId), { userId: second })
  expect(await rowOf(no.commandId)).toMatchObject({
    ...{ status: 'refused', errorCode: 'APPROVAL_REJECTED', decidedBy: second },
  })
  await approvals.lapse()
  expect((await rowOf(late.commandId)).status).toBe('awaiting')
  clock.now += approvalMs
  await expect(
    approvals.approve(await rowOf(late.commandId), { userId: second }),
  ).rejects.toMatchObject({
    code: 'APPROVAL_LAPSED',
  })
  await approvals.lapse()
  expect(await rowOf(late.commandId)).toMatchObject({
    ...{ status: 'expired', errorCode: 'APPROVAL_LAPSED' },
  })
  expect(await views.commands.awaiting(tenantId)).toEqual([])
  expect(orders.length).toBe(before)
})

test('a command that cannot lapse holds up no other, and lapses when it can', async () => {
  const [first, second] = [await ask(), await ask()]
  clock.now += approvalMs
  const broken = {
    ...{ readStream: store.readStream.bind(store) },
    append: async (one) => {
      if (one.streamId === first.commandId) throw new TravessiaError('STORE_UNAVAILABLE')
      return store.append(one)
    },
  } satisfies Partial<EventStore> as unknown as EventStore
  const deps = { views, dispatcher: { add: () => undefined }, isOnline: () => true, now, log }
  await new Approvals({ ...deps, store: broken, commands: bus }).lapse()
  expect((await rowOf(first.commandId)).status).toBe('awaiting')
  expect((await rowOf(second.commandId)).status).toBe('expired')
  await approvals.lapse()
  expect((await rowOf(first.commandId)).status).toBe('expired')
})

test('offline at the request or at the approval, it is refused and not sent later', async () => {
  const { commandId } = await ask()
  const before = orders.length
  isOnline = false
  const row = await rowOf(commandId)
  await expect(approvals.approve(row, { userId: second })).rejects.toMatchObject({
    code: 'AGENT_OFFLINE',
  })
  await expect(ask()).rejects.toMatchObject({ code: 'AGENT_OFFLINE' })
  isOnline = true
  expect((await rowOf(commandId)).status).toBe('refused')
  expect(await views.commands.awaiting(tenantId)).toEqual([])
  expect(orders.length).toBe(before)
})

test('whoever has lost the right since asking, or a device that is gone, sends nothing', async () => {
  const leaver = newId()
  await write('access', leaver, { type: 'RoleGranted', data: { userId: leaver, role: 'operator' } })
  const left = await ask({ userId: leaver })
  await write('access', leaver, { type: 'RoleRevoked', data: { userId: leaver } })
  const before = orders.length
  await expect(
    approvals.approve(await rowOf(left.commandId), { userId: second }),
  ).rejects.toMatchObject({
    code: 'APPROVAL_REQUESTER_DENIED',
  })
  const suspended = newId()
  const user = { userId: suspended }
  await write('access', suspended, { type: 'RoleGranted', data: { ...user, role: 'operator' } })
  const away = await ask(user)
  await write('access', suspended, { type: 'AccessSuspended', data: user })
  await write('access', suspended, { type: 'RoleGranted', data: { ...user, role: 'manager' } })
  await expect(
    approvals.approve(await rowOf(away.commandId), { userId: second }),
  ).rejects.toMatchObject({
    code: 'APPROVAL_REQUESTER_DENIED',
  })
  const device = await gate()
  const gone = await ask({ device })
  await write('device', device.id, { type: 'DeviceRemoved', data: {} })
  await expect(
    approvals.approve(await rowOf(gone.commandId), { userId: second }),
  ).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  expect(orders.length).toBe(before)
})

test.each([
  ['its button does another thing', { buttons: [{ ...pump, path: '/everything/off' }] }],
  ['its device is at another address', { baseUrl: 'http://192.168.1.99', buttons: [pump] }],
])('what was asked for is not sent when %s by now', async (_what, change) => {
  const device = { ...sampleData.DeviceRegistered, driver: 'http' as const, buttons: [pump] }
  const id = newId()
  await write('device', id, { type: 'DeviceRegistered', data: device })
  const row = views.devices.get(tenantId, id) as DeviceRow
  const press = { device: row, command: 'PressButton', args: { button: pump.name } } as const
  const [first, changed] = [await ask(press), await ask(press)]
  const before = orders.length
  await write('device', id, { type: 'DeviceChanged', data: { ...device, name: 'Bomba 2' } })
  await approvals.approve(await rowOf(first.commandId), { userId: second })
  expect(orders.length).toBe(before + 1)
  await write('device', id, { type: 'DeviceChanged', data: { ...device, ...change } })
  await expect(
    approvals.approve(await rowOf(changed.commandId), { userId: second }),
  ).rejects.toMatchObject({
    code: 'APPROVAL_CHANGED',
  })
  expect(await rowOf(changed.commandId)).toMatchObject({
    ...{ status: 'refused', errorCode: 'APPROVAL_CHANGED' },
  })
  expect(orders.length).toBe(before + 1)
})

test('the agent of the approval is told and believed, not the one of the request', async () => {
  const { commandId } = await ask()
  const newAgent = newId()
  await write('agent', agentId, { type: 'AgentRevoked', data: { reason: 'user' } })
  await write('agent', newAgent, { type: 'AgentEnrolled', data: sampleData.AgentEnrolled })
  await approvals.approve(await rowOf(commandId), { userId: second })
  expect(orders.at(-1)).toMatchObject({ id: commandId, agentId: newAgent })
  const recorder = new Recorder({ store, views, now })
  const report = { kind: 'command', commandId, status: 'succeeded', at: now() } as const
  expect(await recorder.commandReport({ tenantId, agentId }, report)).toBeUndefined()
  expect(await recorder.commandReport({ tenantId, agentId: newAgent }, report)).toBe('succeeded')
})

test('only so many commands wait on one device', async () => {
  const device = await gate()
  for (let i = 0; i < maxAwaiting; i += 1) await ask({ device, idempotencyKey: `many-${i}` })
  await expect(ask({ device })).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  expect(await ask({ device, idempotencyKey: 'many-3' })).toMatchObject({ status: 'awaiting' })
  expect(await ask()).toMatchObject({ status: 'awaiting' })
})
