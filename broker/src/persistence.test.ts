import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import createEngine from 'aedes-persistence-level'
import { Level } from 'level'
import { expect, onTestFinished, test } from 'vitest'
import { type Engine, openPersistence } from './persistence.ts'
import { dropSession } from './revocation.ts'

/** What Aedes calls besides the part that is declared. */
type WholeEngine = Engine & {
  storeRetained(packet: object): Promise<unknown>
  createRetainedStreamCombi(filters: readonly string[]): Readable
  putWill(client: object, packet: object): Promise<unknown>
  delWill(client: object): Promise<unknown>
  getWill(client: object): Promise<object | undefined>
  streamWill(brokers: object): Readable
}

function directory(): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'travessia-persistence-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
  return dataDir
}

/** The store as Aedes' own engine sees it. */
async function openPlain(dataDir: string) {
  const level = new Level(join(dataDir, 'broker-sessions'))
  await level.open()
  return { level, engine: createEngine(level) as WholeEngine, close: () => level.close() }
}

const packetOn = (topic: string) => ({ cmd: 'publish', topic, payload: Buffer.from('x'), qos: 1 })

test('retained messages and wills of a store from elsewhere are not given out, and stay untouched', async () => {
  const dataDir = directory()
  const before = await openPlain(dataDir)
  await before.engine.storeRetained(packetOn('a'))
  await before.engine.putWill({ id: 'old' }, packetOn('b'))
  await before.close()

  const { engine, close } = await openPersistence({ dataDir })
  const whole = engine as WholeEngine
  const packets = new PassThrough({ objectMode: true })
  whole.createRetainedStreamCombi(['#']).pipe(packets)
  expect(await whole.streamWill({}).toArray()).toEqual([])
  await whole.delWill({ id: 'old' })
  await close()

  const after = await openPlain(dataDir)
  expect(await after.engine.createRetainedStreamCombi(['#']).toArray()).toHaveLength(1)
  expect(await after.engine.getWill({ id: 'old' })).toMatchObject({ topic: 'b' })
  await after.close()
  packets.end()
  expect(await packets.toArray()).toEqual([])
})

test('no retained message and no will gets into the store', async () => {
  const dataDir = directory()
  const { engine, close } = await openPersistence({ dataDir })
  const whole = engine as WholeEngine
  await whole.storeRetained(packetOn('a'))
  await whole.putWill({ id: 'new' }, packetOn('b'))
  await close()
  const after = await openPlain(dataDir)
  expect(await after.engine.createRetainedStreamCombi(['#']).toArray()).toEqual([])
  expect(await after.engine.getWill({ id: 'new' })).toBe(undefined)
  await after.close()
})

test('of a revoked agent no key stays, neither of what waited nor of what was under way', async () => {
  const dataDir = directory()
  const { engine, close } = await openPersistence({ dataDir })
  for (const brokerCounter of [1, 2]) {
    const packet = { ...packetOn('a'), brokerId: 'b', brokerCounter }
    await engine.outgoingEnqueueCombi([{ clientId: 'revoked' }], packet)
    const underWay = { ...packet, messageId: 7 }
    if (brokerCounter === 1) await engine.outgoingUpdate({ id: 'revoked' }, underWay)
  }
  await dropSession(engine, 'revoked')
  await close()
  const after = await openPlain(dataDir)
  expect(await after.level.keys().all()).toEqual([])
  await after.close()
})

test('a start knows what an engine without memory has left: subscriptions, what waits, what came in twice', async () => {
  const dataDir = directory()
  const before = await openPlain(dataDir)
  const [client, subscription] = [{ id: 'known' }, { topic: 'a/+', qos: 1 }]
  await before.engine.addSubscriptions(client, [subscription])
  await before.engine.outgoingEnqueue(
    { clientId: 'known' },
    { ...packetOn('a/b'), brokerId: 'b', brokerCounter: 1 },
  )
  await before.engine.incomingStorePacket(client, { ...packetOn('c'), messageId: 3 })
  await before.close()

  const { engine, close } = await openPersistence({ dataDir })
  expect(await engine.subscriptionsByClient(client)).toEqual([subscription])
  expect(await waiting(engine, 'known')).toMatchObject([{ topic: 'a/b' }])
  await engine.cleanIncoming(client)
  await close()
  const after = await openPlain(dataDir)
  expect(await after.level.keys({ gte: 'incoming', lt: 'incoming;' }).all()).toEqual([])
  await after.close()
})

test('what is written is known at once and at the next start; what is taken away is not', async () => {
  const dataDir = directory()
  const first = await openPersistence({ dataDir })
  const client = { id: 'new' }
  const [kept, left] = ['kept/+', 'left/+'].map((topic) => ({ topic, qos: 1 }))
  if (!kept || !left) throw new TypeError('two subscriptions')
  await first.engine.addSubscriptions(client, [{ ...kept, qos: 0 }])
  await first.engine.addSubscriptions(client, [kept, left])
  await first.engine.removeSubscriptions(client, [left.topic])
  await first.engine.outgoingEnqueueCombi([{ clientId: 'new' }], {
    ...packetOn('kept/a'),
    brokerId: 'b',
    brokerCounter: 1,
  })
  expect(await first.engine.subscriptionsByClient(client)).toEqual([kept])
  expect(await waiting(first.engine, 'new')).toHaveLength(1)
  const alone = { ...packetOn('a'), brokerId: 'b', brokerCounter: 2 }
  await first.engine.outgoingEnqueue({ clientId: 'alone' }, alone)
  expect(await waiting(first.engine, 'alone')).toHaveLength(1)
  await first.engine.incomingStorePacket(client, { ...packetOn('c'), messageId: 3 })
  await first.engine.cleanIncoming(client)
  await first.close()
  const between = await openPlain(dataDir)
  expect(await between.level.keys({ gte: 'incoming', lt: 'incoming;' }).all()).toEqual([])
  await between.close()

  const second = await openPersistence({ dataDir })
  expect(await second.engine.subscriptionsByClient(client)).toEqual([kept])
  expect(await waiting(second.engine, 'new')).toHaveLength(1)
  await second.engine.cleanSubscriptions(client)
  expect(await second.engine.subscriptionsByClient(client)).toEqual([])
  await second.close()

  const third = await openPersistence({ dataDir })
  expect(await third.engine.subscriptionsByClient(client)).toEqual([])
  await third.close()
})

test('of whom nothing is stored, and of a subscription that is there already, the store is not asked', async () => {
  const dataDir = directory()
  const { engine, close } = await openPersistence({ dataDir })
  const client = { id: 'back' }
  const subscriptions = [{ topic: 'a/+', qos: 1 }]
  await engine.addSubscriptions(client, subscriptions)
  // A closed store refuses every question.
  await close()
  await engine.addSubscriptions(client, subscriptions)
  expect(await engine.subscriptionsByClient(client)).toEqual(subscriptions)
  expect(await waiting(engine, 'back')).toEqual([])
  await engine.cleanIncoming(client)
  await engine.cleanSubscriptions({ id: 'stranger' })
  await expect(engine.addSubscriptions({ id: 'stranger' }, subscriptions)).rejects.toThrow()
  expect(await engine.subscriptionsByClient({ id: 'stranger' })).toEqual([])
})

async function waiting(engine: Engine, id: string): Promise<object[]> {
  const packets: object[] = []
  for await (const packet of engine.outgoingStream({ id })) packets.push(packet)
  return packets
}
