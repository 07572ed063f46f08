/** For tests: a command bus on a real log and real views; what it would send is in `orders`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandOrder } from '@travessia/schemas/commands'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { sampleData } from '../audit/sample-data.fixture.ts'
import type { EventStore, NewEvent } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import type { DeviceRow } from '../views/devices.ts'
import { Views } from '../views/views.ts'
import { CommandBus, type CommandRequest } from './command-bus.ts'

export const [tenantId, installationId, agentId, userId] = Array.from({ length: 4 }, newId) as [
  string,
  string,
  string,
  string,
]

export async function startBus() {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-bus-'))
  const clock = { now: Date.parse('2026-11-24T12:00:00Z') }
  const now = () => clock.now
  const presence = { isOnline: true }
  const orders: CommandOrder[] = []
  const store = await createSqliteStore(join(directory, 'events.db'))
  const views = new Views({
    store,
    path: join(directory, 'views.db'),
    log: pino({ level: 'silent' }),
  })
  await views.start()
  await enrolAgent(store, now)
  await views.until(await store.head())
  const makeBus = (one: EventStore) =>
    new CommandBus({
      ...{ store: one, views, now, isOnline: () => presence.isOnline },
      dispatcher: { add: (order) => void orders.push(order) },
    })
  /** The real store with an append of its own. */
  const storeWith = (append: EventStore['append']) => {
    const read: EventStore['readStream'] = (...where) => store.readStream(...where)
    return { append, readStream: read } as EventStore
  }
  const typesOf = async (commandId: string) =>
    (await store.readStream(tenantId, commandId)).map(({ type }) => type)
  const stop = async () => {
    await views.stop()
    await store.close()
    rmSync(directory, { recursive: true })
  }
  return {
    clock,
    now,
    presence,
    orders,
    store,
    views,
    bus: makeBus(store),
    makeBus,
    storeWith,
    typesOf,
    stop,
  }
}

async function enrolAgent(store: EventStore, now: () => number): Promise<void> {
  const event = {
    ...{ actor: { type: 'agent', id: agentId }, at: new Date(now()).toISOString() },
    ...{ correlationId: newId(), installationId },
    ...{ type: 'AgentEnrolled', data: sampleData.AgentEnrolled },
  } as NewEvent
  await store.append({
    ...{ tenantId, streamKind: 'agent', streamId: agentId, expected: 'none' },
    events: [event],
  })
}

export function request(change: Partial<CommandRequest> = {}): CommandRequest {
  const device = {
    ...{ ...sampleData.DeviceRegistered, id: newId(), tenantId, installationId },
    ...{ createdAt: '', changedAt: 1 },
  } as unknown as DeviceRow
  return {
    ...{ tenantId, userId, device, command: 'OpenGate', args: { direction: 'both' } },
    ...{ correlationId: newId(), ...change },
  }
}
