import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import type { Passage } from '@travessia/schemas/passages'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sampleData } from '../audit/sample-data.fixture.ts'
import { passageIdOf } from '../domain/passage.ts'
import type { EventStore, NewEvent } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import type { DeviceRow } from '../views/devices.ts'
import { Recorder } from './recorder.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-recorder-'))
const [tenantId, installationId, agentId, deviceId] = [newId(), newId(), newId(), newId()]
const device = { ...sampleData.DeviceRegistered, id: deviceId, tenantId, installationId }
const now = Date.parse('2026-11-24T12:00:00Z')
let store: EventStore
let recorder: Recorder

beforeAll(async () => {
  store = await createSqliteStore(join(directory, 'events.db'))
  const agents = { get: async () => ({ agentId, installationId }) }
  recorder = new Recorder({ store, views: { agents } as never, now: () => now })
})
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

/** A command that somebody has given. @returns its id and correlation */
async function issued(places: Partial<NewEvent>, data: object = {}, wasHeld = false) {
  const [commandId, correlationId] = [newId(), newId()]
  const common = {
    ...{ actor: { type: 'user', id: newId() }, at: new Date(now).toISOString(), correlationId },
    ...{ installationId, deviceId, agentId, commandId, ...places },
  }
  const event = {
    ...common,
    ...{ type: 'CommandIssued', data: { ...sampleData.CommandIssued, ...data } },
  } as NewEvent
  const held = { ...common, type: 'CommandHeld', data: sampleData.CommandHeld } as NewEvent
  const stream = { tenantId, streamKind: 'command', streamId: commandId } as const
  await store.append({ ...stream, expected: 'none', events: wasHeld ? [held, event] : [event] })
  return { commandId, correlationId }
}

async function told(key: string, commandId?: string) {
  const passage: Passage = {
    ...{ outcome: 'passed', direction: 'clockwise', key, agentAt: now },
    ...(commandId === undefined ? {} : { commandId }),
  }
  await recorder.passage(device as unknown as DeviceRow, agentId, passage)
  return store.readStream(tenantId, passageIdOf(tenantId, deviceId, key))
}

test('a passage that is told again, also at once, is one fact', async () => {
  await Promise.all([told('a'), told('a'), told('a')])
  const [fact, ...others] = await told('a')
  expect(others).toEqual([])
  expect(fact).toMatchObject({ type: 'PassageConfirmed', deviceId, installationId, agentId })
})

test('the passage after a release carries the command and its correlation', async () => {
  const release = await issued({})
  expect(await told('b', release.commandId)).toMatchObject([release])
})

test('a release that a second person had to approve has its passage, too', async () => {
  const { commandId, correlationId } = await issued({}, {}, true)
  expect(await told('held', commandId)).toMatchObject([{ commandId, correlationId }])
})

test('a command of another device, by another agent, of another kind, or none is not believed', async () => {
  const claims = [
    (await issued({ deviceId: newId() })).commandId,
    (await issued({ agentId: newId() })).commandId,
    (await issued({}, { command: 'ShowMessage', args: {} })).commandId,
    newId(),
  ]
  for (const [index, claim] of claims.entries()) {
    const [fact] = await told(`c${index}`, claim)
    expect(fact?.type).toBe('PassageConfirmed')
    expect(fact?.commandId).toBeUndefined()
  }
})

test('what the agent reports of a command belongs to the session in which it was given', async () => {
  const sessionId = newId()
  const { commandId } = await issued({ sessionId })
  const report = { commandId, status: 'delivered', at: now } as const
  await recorder.commandReport({ tenantId, agentId }, report as never)
  expect(await store.readStream(tenantId, commandId)).toMatchObject([
    { type: 'CommandIssued', sessionId },
    { type: 'CommandDelivered', sessionId },
  ])
})

test('credentials that go to an agent are a fact of the device, said once', async () => {
  const actor = { type: 'user', id: newId() } as const
  const registered = { type: 'DeviceRegistered', data: sampleData.DeviceRegistered } as const
  await store.append({
    ...{ tenantId, streamKind: 'device', streamId: deviceId, expected: 'none' },
    events: [
      { actor, at: new Date(now).toISOString(), correlationId: newId(), ...registered } as NewEvent,
    ],
  })
  const agent = { tenantId, agentId }
  for (let i = 0; i < 2; i += 1) await recorder.credentialsDelivered(agent, deviceId, 1)
  // As after a restart.
  await new Recorder({
    ...{ store, now: () => now },
    views: { agents: { get: async () => ({ installationId }) } } as never,
  }).credentialsDelivered(agent, deviceId, 1)
  await recorder.credentialsDelivered(agent, deviceId, 2)
  const [, ...told] = await store.readStream(tenantId, deviceId)
  expect(told).toMatchObject([
    { type: 'DeviceCredentialsDelivered', data: { agentId, credentialsVersion: 1 }, agentId },
    {
      type: 'DeviceCredentialsDelivered',
      data: { agentId, credentialsVersion: 2 },
      installationId,
    },
  ])
})
