import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import { newId } from '@travessia/schemas/ids'
import { willPayload } from '@travessia/schemas/reports'
import { controlFilter, dataFilter, formatTopic, type Topic } from '@travessia/schemas/topics'
import { expect, onTestFinished, test } from 'vitest'
import {
  closeOf,
  connectAs,
  connectControl,
  dial,
  dialAs,
  eventually,
  newAgent,
  rawSocket,
  refusedWith,
  settle,
  startWorld,
  tokenOf,
  type World,
} from './broker.fixture.ts'
import { connect, publish, subscribe } from './packets.fixture.ts'
import type { Engine } from './persistence.ts'
import type { Credential } from './principal.ts'

const agent = newAgent()
const victim = newAgent()
const nodeId = newId()
const commandTo = (to = agent) => formatTopic({ ...to, channel: 'cmd', kind: 'command' })
const topicOf = (channel: 'ack' | 'status', of = agent) => formatTopic({ ...of, channel })
const upTopic = formatTopic({ ...agent, channel: 'up', nodeId })

test('a command reaches the control connection, a report comes back with who sent it', async () => {
  const world = await startWorld()
  const { client, got } = await connectControl(world, agent)
  await world.broker.publish(commandTo(), 'open')
  await client.publishAsync(topicOf('ack'), 'done', { qos: 1 })
  await eventually(() => expect(got).toEqual(['open']))
  await eventually(() => expect(world.heard.map(({ payload }) => payload)).toEqual(['done']))
  expect(world.heard[0]?.topic).toEqual({ ...agent, channel: 'ack' })
})

test('tunnel frames pass on the data connection both ways, in order, at the rate of frames', async () => {
  const world = await startWorld({ limits: { packetsPerSecond: 20 } })
  expect(world.broker.deliver(agent, nodeId, Buffer.from('nobody'))).toBe(false)
  const { client, got } = await connectAs(world, agent, 'data')
  await client.subscribeAsync(dataFilter(agent), { qos: 0 })
  await eventually(() => expect(world.seen).toHaveLength(1))
  const numbers = Array.from({ length: 300 }, (_, i) => String(i))
  for (const number of numbers) {
    expect(world.broker.deliver(agent, nodeId, Buffer.from(number))).toBe(true)
    client.publish(upTopic, number, { qos: 0 })
  }
  await eventually(() => expect(got).toEqual(numbers))
  await eventually(() => expect(world.heard.map(({ payload }) => payload)).toEqual(numbers))
})

test('a packet of 60 KiB right behind CONNACK passes: the limit of CONNECT holds only until then', async () => {
  const world = await startWorld()
  const username = agent.agentId
  const hello = connect({ clientId: `${username}-d`, username, password: tokenOf(agent) })
  const socket = await rawSocket(world, hello)
  await once(socket, 'data')
  socket.write(publish(upTopic, Buffer.alloc(60 * 1024, 'x')))
  await eventually(() => expect(world.heard[0]?.payload).toHaveLength(60 * 1024))
})

test('the will of a connection that breaks off says that the agent is offline', async () => {
  const world = await startWorld()
  const payload = Buffer.from(willPayload)
  const will = { topic: topicOf('status'), payload, qos: 1 as const, retain: false }
  const { client } = await connectAs(world, agent, 'control', { will })
  client.stream.destroy()
  await eventually(() => expect(world.heard.map((one) => one.payload)).toEqual([willPayload]))
})

test.each<[string, string, 0 | 1 | 2, boolean]>([
  ['a retained report', topicOf('status'), 1, true],
  ['a command to itself', commandTo(), 1, false],
  ['a report of another agent', topicOf('ack', victim), 1, false],
  ['a report with QoS 2', topicOf('ack'), 2, false],
  ['a tunnel frame on control', upTopic, 0, false],
  ['a topic of the broker', '$SYS/x/new/clients', 0, false],
  ['a topic of 101 levels', 'a/'.repeat(100), 0, false],
])(
  '%s ends the connection of who publishes it and is heard by nobody',
  async (_what, topic, qos, retain) => {
    const world = await startWorld()
    const watcher = await connectControl(world, victim)
    const { client } = await connectControl(world, agent)
    client.publish(topic, 'refused', { qos, retain })
    await closeOf(client)
    await settle(world)
    expect(world.heard).toEqual([])
    expect(watcher.got).toEqual([])
  },
)

test('a subscriber gets nothing that was sent before it came, also from a store with retained messages', async () => {
  const world = await startWorld()
  const engine = world.persistence.engine as Engine & {
    storeRetained(packet: object): Promise<void>
  }
  await engine.storeRetained({
    topic: commandTo(),
    payload: Buffer.from('old'),
    qos: 1,
    retain: true,
  })
  await world.broker.publish(commandTo(), 'too early')
  const { got } = await connectControl(world, agent)
  await world.broker.publish(commandTo(), 'new')
  await eventually(() => expect(got).toEqual(['new']))
})

test.each([
  ['everything', '#'],
  ['a foreign agent', controlFilter(victim)],
  ['a wildcard for the agent', controlFilter(agent).replace(agent.agentId, '+')],
  ['a wildcard for the tenant', controlFilter(agent).replace(agent.tenantId, '+')],
  ['the broker', '$SYS/#'],
  ['a shared group', `$share/g/${controlFilter(agent)}`],
])('a SUBSCRIBE to %s closes the connection and has no later effect', async (_what, filter) => {
  const world = await startWorld()
  const first = await connectAs(world, agent, 'control')
  first.client.subscribe(filter, { qos: 1 })
  await closeOf(first.client)
  await world.broker.publish(commandTo(victim), 'secret')
  const second = await connectAs(world, agent, 'control')
  expect(second.sessionPresent).toBe(false)
  await second.client.subscribeAsync(controlFilter(agent), { qos: 1 })
  await world.broker.publish(commandTo(victim), 'secret')
  await world.broker.publish(commandTo(), 'own')
  await eventually(() => expect(second.got).toEqual(['own']))
})

test('a SUBSCRIBE of an allowed and a foreign filter is refused as a whole', async () => {
  const world = await startWorld()
  const hello = { clientId: agent.agentId, username: agent.agentId, password: tokenOf(agent) }
  const both = subscribe([controlFilter(agent), controlFilter(victim)])
  const socket = await rawSocket(world, connect({ ...hello, clean: false }))
  await once(socket, 'data')
  socket.write(both)
  await once(socket, 'close')
  const { sessionPresent } = await connectAs(world, agent, 'control')
  expect(sessionPresent).toBe(false)
})

test('a foreign message in the offline queue is not delivered, the own one behind it is', async () => {
  const world = await startWorld()
  const first = await connectControl(world, agent)
  await first.client.endAsync()
  const planted = [{ clientId: agent.agentId, topic: commandTo(victim), qos: 1 }]
  const packet = {
    cmd: 'publish',
    topic: commandTo(victim),
    payload: Buffer.from('secret'),
    qos: 1,
  }
  await world.persistence.engine.outgoingEnqueueCombi(planted, {
    ...packet,
    ...{ brokerId: 'a', brokerCounter: 1 },
  })
  await world.broker.publish(commandTo(), 'own')
  const back = await connectControl(world, agent)
  await eventually(() => expect(back.got).toEqual(['own']))
  await settle(world)
  expect(back.got).toEqual(['own'])
})

test('a listener that throws is logged; the agent stays connected and others still hear', async () => {
  const world = await startWorld()
  const fail = () => {
    throw new TypeError('listener is broken')
  }
  world.broker.onPublish(fail)
  world.broker.onPresence(fail)
  const late: Topic[] = []
  world.broker.onPublish((topic) => late.push(topic))
  const { client } = await connectControl(world, agent)
  for (let i = 0; i < 2; i += 1) await client.publishAsync(topicOf('ack'), 'said', { qos: 1 })
  await eventually(() => expect(late).toHaveLength(2))
  expect(client.connected).toBe(true)
  expect(world.logged.filter((line) => line.includes('listener failed'))).toHaveLength(3)
})

test('the log holds neither tokens nor payloads of connections that were refused', async () => {
  const world = await startWorld()
  const { client } = await connectControl(world, agent)
  client.publish(commandTo(victim), 'canary-payload')
  await closeOf(client)
  const password = JSON.stringify({ ...JSON.parse(tokenOf(agent)), note: 'canary-token' })
  await refusedWith(dialAs(world, agent, 'control', { clientId: victim.agentId, password }))
  await eventually(() => expect(world.logged.length).toBeGreaterThanOrEqual(2))
  expect(world.logged.join()).not.toContain('canary')
})

/** The data connection of an agent that has subscribed, reads no more, and for which more and more waits. */
async function freeze(world: World): Promise<void> {
  const [client, server] = duplexPair()
  onTestFinished(() => void client.destroy())
  world.broker.accept(server, '127.0.0.1')
  const username = agent.agentId
  client.write(connect({ clientId: `${username}-d`, username, password: tokenOf(agent) }))
  client.read(0)
  await eventually(() => expect(client.readableLength).toBe(4))
  client.write(subscribe([dataFilter(agent)]))
  await eventually(() => expect(client.readableLength).toBe(4 + 5))

  const credential: Credential = { kind: 'node', nodeId, expiresAt: Date.now() + 60_000 }
  const password = JSON.stringify(credential)
  const node = dial(world, { clientId: nodeId, username: nodeId, password, clean: true })
  const down = formatTopic({ ...agent, channel: 'down', nodeId })
  for (let i = 0; i < 3_000; i += 1) node.publish(down, Buffer.alloc(100), { qos: 0 })
  await eventually(() =>
    expect(client.readableLength).toBeGreaterThanOrEqual(client.readableHighWaterMark),
  )
}

test('an agent that stops reading delays no other', async () => {
  const world = await startWorld({ limits: { drainTimeoutMs: 60_000 } })
  // What one read of the node brings is more than Aedes would let wait for all clients together (100).
  await freeze(world)
  await settle(world)
  expect(world.seen.filter(({ agentId }) => agentId === agent.agentId)).toHaveLength(1)
})

test('an agent that stops reading is cut', async () => {
  const world = await startWorld({ limits: { drainTimeoutMs: 50 } })
  await freeze(world)
  await eventually(() =>
    expect(world.seen.map(({ connected }) => connected)).toEqual([true, false]),
  )
})
