/** The same client id connects again while the old connection still lives, in every order that Aedes gets wrong. */
import { once } from 'node:events'
import { duplexPair, Readable } from 'node:stream'
import { newId } from '@travessia/schemas/ids'
import { willPayload } from '@travessia/schemas/reports'
import { dataFilter, formatTopic } from '@travessia/schemas/topics'
import { expect, onTestFinished, test } from 'vitest'
import {
  connectControl,
  eventually,
  newAgent,
  settle,
  startWorld,
  tokenOf,
  type World,
} from './broker.fixture.ts'
import { connect, subscribe } from './packets.fixture.ts'

const agent = newAgent()
const statusTopic = formatTopic({ ...agent, channel: 'status' })
const nodeId = newId()

/** Calls of Aedes to the store that a test holds back. */
type Store = {
  delWill(client: object): Promise<unknown>
  subscriptionsByTopic(topic: string): Promise<unknown>
  outgoingStream(client: { readonly id: string }): AsyncIterable<object>
}
const storeOf = (world: World) => world.persistence.engine as unknown as Store

/** A connection without a port: `client` is the agent's side, `server` the broker's. */
function link(world: World) {
  const [client, server] = duplexPair()
  const got: Buffer[] = []
  client.on('error', () => undefined)
  client.on('data', (chunk: Buffer) => got.push(chunk))
  onTestFinished(() => void client.destroy())
  world.broker.accept(server, '127.0.0.1')
  /** Sends, and waits until an answer of this many bytes is there. */
  const ask = async (bytes: Buffer, answerBytes: number) => {
    got.length = 0
    client.write(bytes)
    await eventually(() => expect(Buffer.concat(got)).toHaveLength(answerBytes))
  }
  return { client, server, got, ask }
}

function hello(connection: 'control' | 'data', withWill = false): Buffer {
  const username = agent.agentId
  const isControl = connection === 'control'
  return connect({
    ...{ clientId: isControl ? username : `${username}-d`, clean: !isControl },
    ...{ username, password: tokenOf(agent) },
    ...(withWill ? { will: { topic: statusTopic, payload: willPayload } } : {}),
  })
}

async function greeted(world: World, bytes: Buffer) {
  const both = link(world)
  await both.ask(bytes, 4)
  return both
}

const saidOf = (world: World) =>
  world.seen.filter(({ agentId }) => agentId === agent.agentId).map(({ connected }) => connected)

test('[MQTT-3.1.4-2] a connection that Aedes has lost track of is ended by the next one, which counts from then on', async () => {
  const world = await startWorld()
  const store = storeOf(world)
  const { delWill } = store
  const first = await greeted(world, hello('data'))
  await first.ask(subscribe([dataFilter(agent)]), 5)
  await eventually(() => expect(saidOf(world)).toEqual([true]))

  // The second one waits just before it is registered, until the first is closing but not yet closed.
  const [waiting, closing] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  store.delWill = async () => {
    waiting.resolve()
    await closing.promise
  }
  const second = link(world)
  second.client.write(hello('data'))
  await waiting.promise
  store.delWill = delWill
  world.broker.onPresence((_agent, { connected }) => {
    if (!connected) closing.resolve()
  })
  first.server.destroy()
  await eventually(() => expect(saidOf(world)).toEqual([true, false, true]))

  const third = link(world)
  const ended = once(second.server, 'close')
  third.client.write(hello('data'))
  await ended
  await settle(world)
  expect(saidOf(world)).toEqual([true, false, true, true])
  expect(world.broker.deliver(agent, nodeId, Buffer.from('to the third'))).toBe(true)
  await eventually(() => expect(third.got.join('')).toContain('to the third'))
})

test('a connection that ends during its greeting is never said to be there', async () => {
  const world = await startWorld()
  const store = storeOf(world)
  const { outgoingStream } = store
  const asked = Promise.withResolvers<void>()
  const queue = new Readable({ objectMode: true, read: () => asked.resolve() })
  store.outgoingStream = () => queue
  const { server } = await greeted(world, hello('data'))
  await asked.promise
  store.outgoingStream = outgoingStream
  const closed = once(server, 'close')
  server.destroy()
  await closed
  queue.push(null)
  await settle(world)
  expect(saidOf(world)).toEqual([])
  expect(world.broker.deliver(agent, nodeId, Buffer.from('nobody'))).toBe(false)
})

test('the will of an old connection that comes after the new one is there is not passed on', async () => {
  const world = await startWorld()
  const store = storeOf(world)
  const { subscriptionsByTopic } = store
  const first = await greeted(world, hello('control', true))
  await eventually(() => expect(saidOf(world)).toEqual([true]))
  const [asked, back] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  store.subscriptionsByTopic = async (topic) => {
    if (topic === statusTopic) {
      asked.resolve()
      await back.promise
    }
    return subscriptionsByTopic.call(store, topic)
  }
  first.server.destroy()
  await asked.promise
  store.subscriptionsByTopic = subscriptionsByTopic
  const { client } = await connectControl(world, agent)
  await eventually(() => expect(saidOf(world)).toEqual([true, false, true]))
  back.resolve()
  await client.publishAsync(statusTopic, 'hello again', { qos: 1 })
  await settle(world)
  expect(world.heard.map(({ payload }) => payload)).toEqual(['hello again'])
})
