import type { CommandOrder } from '@travessia/schemas/commands'
import { TravessiaError } from '@travessia/schemas/errors'
import { type Fact, streamKindOf } from '@travessia/schemas/events'
import { newId, systemTenantId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { sampleData } from './audit/sample-data.fixture.ts'
import { request, startBus } from './bus/command-bus.fixture.ts'
import type { Outstanding } from './bus/dispatcher.ts'
import { Recorder } from './bus/recorder.ts'
import { recover } from './crash-recovery.ts'
import type { NewEvent } from './store/event-store.ts'

const at = await startBus()
afterAll(at.stop)

/** What a start takes up, with the clock at `now`. */
async function takenUp(now: number) {
  const all: Array<{ order: CommandOrder } & Partial<Outstanding>> = []
  const dispatcher = {
    add: (order: CommandOrder, known?: object) => void all.push({ order, ...known }),
  }
  await recover({ ...partsOf(at), dispatcher, now: () => now } as never)
  return all
}

function partsOf({ store, views, now }: Awaited<ReturnType<typeof startBus>>) {
  const recorder = new Recorder({ store, views, now })
  const fileSender = { start: async () => undefined }
  const log = pino({ level: 'silent' })
  return { ...{ store, views, recorder, fileSender, now, log }, nodeId: newId(), version: '0' }
}

/** A customer whose node was killed in the middle: an agent is connected, a camera looked at, a request and a socket under way. */
async function killed({ store, views, now }: Awaited<ReturnType<typeof startBus>>) {
  const [tenantId, agentId, installationId] = [newId(), newId(), newId()]
  const say = async (streamId: string, ...types: Array<Fact['type']>) => {
    const actor = { type: 'agent', id: agentId } as const
    const places = { installationId, deviceId: newId(), correlationId: newId() }
    const context = { actor, at: new Date(now()).toISOString(), ...places }
    const events = types.map((type) => {
      const data = { ...sampleData[type] } as Record<string, unknown>
      if ('requestId' in data) data['requestId'] = newId()
      return { ...context, type, data } as unknown as NewEvent
    })
    const streamKind = streamKindOf(types[0] as Fact['type'])
    await store.append({ tenantId, streamKind, streamId, expected: 'any', events })
  }
  await say(agentId, 'AgentEnrolled', 'AgentConnected')
  await say(newId(), 'CameraViewOpened')
  await say(newId(), 'HttpRequestForwarded', 'WebSocketOpened')
  await views.until(await store.head())
  const newest = async () =>
    (await store.query({ tenantId, limit: 4 })).items.map(({ type }) => type).toSorted()
  return { tenantId, newest }
}

test('an order is sent again after a restart with the time of its issue, and not by a clock that is behind it', async () => {
  const { commandId, expiresAt } = await at.bus.issue(request())
  const issuedAt = at.clock.now
  const times = { notBefore: issuedAt, expiresAt: Date.parse(expiresAt) }
  const order = expect.objectContaining({ id: commandId, ...times })
  expect(await takenUp(issuedAt + 2_000)).toEqual([{ order, status: 'issued', handedOver: true }])
  expect(await takenUp(issuedAt - 300_000)).toEqual([
    { order, status: 'delivered', handedOver: true },
  ])
})

test('a damaged log is left as it is at a start, loudly, and what other customers had open is closed', async () => {
  const node = await startBus()
  onTestFinished(node.stop)
  const [damaged, other] = [await killed(node), await killed(node)]
  const before = await damaged.newest()
  for (const tenantId of [damaged.tenantId, systemTenantId]) node.store.evidence.refuse(tenantId)
  const lines: Array<Record<string, unknown>> = []
  const log = pino({}, { write: (line) => void lines.push(JSON.parse(line)) })
  await recover({ ...partsOf(node), log, dispatcher: {} } as never)
  expect(await damaged.newest()).toEqual(before)
  const ends = ['AgentDisconnected', 'CameraViewClosed', 'HttpExchangeFailed', 'WebSocketClosed']
  expect(await other.newest()).toEqual(ends)
  const left = [systemTenantId, ...ends.map(() => damaged.tenantId)]
  expect(lines.map(({ tenantId }) => tenantId).toSorted()).toEqual(left.toSorted())
})

test('no node starts whose log is away', async () => {
  const node = await startBus()
  onTestFinished(node.stop)
  const store = node.storeWith(() => Promise.reject(new TravessiaError('STORE_UNAVAILABLE')))
  const started = recover({ ...partsOf(node), store, dispatcher: {} } as never)
  await expect(started).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})
