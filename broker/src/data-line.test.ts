import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { newId } from '@travessia/schemas/ids'
import { dataFilter, formatTopic } from '@travessia/schemas/topics'
import { encodeFrame, encodeReset, FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import { expect, onTestFinished, test } from 'vitest'
import {
  connectAs,
  eventually,
  newAgent,
  rawSocket,
  startWorld,
  tokenOf,
} from './broker.fixture.ts'
import { type AedesClient, DataLine } from './data-line.ts'
import { connect, packet, pingreq, publish, text } from './packets.fixture.ts'
import { defaultLimits, TransportGuard } from './transport-guard.ts'

const [agent, victim, sibling] = [newAgent(), newAgent(), newAgent()]
const nodeId = newId()
const up = formatTopic({ ...agent, channel: 'up', nodeId })

/** A world whose node takes frames the short way, and what came to it that way. */
async function frameWorld(limits = {}) {
  const world = await startWorld({ limits })
  const frames: string[] = []
  world.broker.onFrame(nodeId, ({ agentId }, frame) =>
    frames.push(`${agentId} ${Buffer.from(frame)}`),
  )
  return { world, frames, from: (payload: string) => `${agent.agentId} ${payload}` }
}

const hello = (keepalive = 30) =>
  connect({
    ...{ clientId: `${agent.agentId}-d`, username: agent.agentId, password: tokenOf(agent) },
    keepalive,
  })

/** Connected by hand: CONNECT has been answered. */
async function dataSocket(world: Awaited<ReturnType<typeof frameWorld>>['world'], keepalive = 30) {
  const socket = await rawSocket(world, hello(keepalive))
  await eventually(() => expect(world.seen.at(-1)).toMatchObject({ connected: true }))
  return socket
}

/** However it ends: what was not read yet makes it a reset. */
async function endOf(socket: Socket): Promise<void> {
  await new Promise<void>((done) => socket.resume().once('close', () => done()))
}

test('frames of one read, of many reads and in single bytes all come, in order, past the pipeline', async () => {
  const { world, frames, from } = await frameWorld()
  const socket = await dataSocket(world)
  socket.write(Buffer.concat([publish(up, '1'), pingreq, publish(up, '2'), publish(up, '3')]))
  for (const byte of publish(up, '4')) socket.write(Buffer.from([byte]))
  const large = 'x'.repeat(60_000)
  socket.write(publish(up, large))
  await eventually(() => expect(frames).toEqual(['1', '2', '3', '4', large].map(from)))
  expect(world.heard).toEqual([])
})

test('a frame right behind CONNECT, before CONNACK, comes too', async () => {
  const { world, frames } = await frameWorld()
  const whole = Buffer.concat([hello(), publish(up, '1'), publish(up, '2')])
  const socket = await rawSocket(world, whole.subarray(0, -5))
  await eventually(() => expect(world.seen).toHaveLength(1))
  socket.write(Buffer.concat([whole.subarray(-5), publish(up, '3')]))
  await eventually(() =>
    expect([
      ...world.heard.map(({ payload }) => payload),
      ...frames.map((f) => f.slice(-1)),
    ]).toEqual(['1', '2', '3']),
  )
})

test('what lies in a packet that had begun before CONNACK is never read as a packet of its own', async () => {
  const { world, frames } = await frameWorld()
  const inner = publish(up, 'inner')
  const outer = publish(up, inner)
  const begun = outer.subarray(0, outer.length - inner.length)
  const socket = await rawSocket(world, Buffer.concat([hello(), begun]))
  await eventually(() => expect(world.seen).toHaveLength(1))
  socket.write(inner)
  await eventually(() => expect(world.heard.map(({ payload }) => payload)).toEqual([`${inner}`]))
  expect(frames).toEqual([])
})

test('a frame for another node goes the way of all packets', async () => {
  const { world, frames } = await frameWorld()
  const socket = await dataSocket(world)
  const other = { ...agent, channel: 'up' as const, nodeId: newId() }
  socket.write(publish(formatTopic(other), 'elsewhere'))
  await eventually(() => expect(world.heard).toEqual([{ topic: other, payload: 'elsewhere' }]))
  expect(frames).toEqual([])
})

const foreign = formatTopic({ ...victim, channel: 'up', nodeId })
test.each<[string, Buffer]>([
  ['the topic of another tenant', publish(foreign, 'x')],
  ['the topic of a sibling', publish(formatTopic({ ...sibling, channel: 'up', nodeId }), 'x')],
  ['the way down', publish(formatTopic({ ...agent, channel: 'down', nodeId }), 'x')],
  ['QoS 1', publish(up, 'x', 1)],
  ['QoS 2', publish(up, 'x', 2)],
  ['retain', packet(0x31, text(up), Buffer.from('x'))],
  ['more than 64 KiB', publish(up, Buffer.alloc(64 * 1024))],
])('a frame with %s ends the connection, and nobody gets it', async (_what, bytes) => {
  const { world, frames } = await frameWorld()
  const socket = await dataSocket(world)
  socket.write(Buffer.concat([bytes, publish(up, 'behind it')]))
  await endOf(socket)
  expect(frames.filter((frame) => !frame.endsWith('behind it'))).toEqual([])
  expect(world.heard).toEqual([])
})

test('frames that come the short way count: too many in a second end the connection', async () => {
  const { world, frames } = await frameWorld({ framesPerSecond: 50 })
  const socket = await dataSocket(world)
  socket.write(Buffer.concat(Array(500).fill(publish(up, 'x'))))
  await endOf(socket)
  expect(frames.length).toBeLessThanOrEqual(100)
})

test('Aedes 1.2.0: a connection that only sends frames does not run into its keepalive', async () => {
  const { world, frames } = await frameWorld()
  const socket = await dataSocket(world, 1)
  const talk = setInterval(() => socket.write(publish(up, 'x')), 200)
  onTestFinished(() => clearInterval(talk))
  // Two and a half seconds, where one and a half without a packet are the end.
  await eventually(() => expect(frames.length).toBeGreaterThan(12))
  clearInterval(talk)
  expect(socket.closed).toBe(false)
  // Without frames it does.
  await endOf(socket)
})

test('frames down reach the agent of their tenant only, byte for byte, and stop with the connection', async () => {
  const { world } = await frameWorld()
  const { client } = await connectAs(world, agent, 'data')
  const got: Array<[string, number]> = []
  client.on('message', (topic, payload) => got.push([topic, payload.length]))
  await client.subscribeAsync(dataFilter(agent), { qos: 0 })
  await eventually(() => expect(world.seen).toHaveLength(1))
  const { agentId } = agent
  expect(
    world.broker.deliver({ tenantId: victim.tenantId, agentId }, nodeId, Buffer.from('x')),
  ).toBe(false)
  expect(world.broker.deliver(agent, 'no id', Buffer.from('x'))).toBe(false)
  const sizes = [0, 1, 200, 16_385, 60_000, 3]
  for (const size of sizes)
    expect(world.broker.deliver(agent, nodeId, Buffer.alloc(size))).toBe(true)
  const topic = formatTopic({ ...agent, channel: 'down', nodeId })
  await eventually(() => expect(got).toEqual(sizes.map((size) => [topic, size])))
  await client.endAsync()
  await eventually(() => expect(world.broker.deliver(agent, nodeId, Buffer.from('x'))).toBe(false))
})

test('frames down leave together at the end of a turn; a reset leaves at once, behind what came before it', async () => {
  const written: Buffer[] = []
  const socket = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _encoding, done) => done(void written.push(bytes)),
  })
  const guard = new TransportGuard(socket, defaultLimits)
  onTestFinished(() => void guard.destroy())
  const client = { closed: false, waitForDrain: () => undefined } as unknown as AedesClient
  const principal = { kind: 'agent', connection: 'data', expiresAt: 0, ...agent } as const
  const line = new DataLine(principal, client, guard)
  const data = encodeFrame(FrameType.data, { streamId: 1, payload: Buffer.from('first') })
  line.send(nodeId, data)
  expect(written).toEqual([])
  line.send(nodeId, encodeReset(1, ResetCode.cancel, 'gone'))
  expect(Buffer.concat(written).toString()).toMatch(/first.*gone/s)
  line.send(nodeId, data)
  await new Promise(setImmediate)
  expect(Buffer.concat(written).toString()).toMatch(/first.*gone.*first/s)
})

test('an agent that leaves unread what is delivered to it is cut by the drain limit of Aedes 1.2.0', async () => {
  const { world } = await frameWorld({ drainTimeoutMs: 100 })
  const socket = await dataSocket(world)
  socket.pause()
  for (let i = 0; i < 500; i += 1) world.broker.deliver(agent, nodeId, Buffer.alloc(60_000))
  await eventually(() =>
    expect(world.seen.map(({ connected }) => connected)).toEqual([true, false]),
  )
})

test('an agent that reads slowly within the limit keeps its connection and gets every byte', async () => {
  const { world } = await frameWorld({ drainTimeoutMs: 5_000 })
  const { client } = await connectAs(world, agent, 'data')
  let bytes = 0
  client.on('message', (_topic, payload) => {
    bytes += payload.length
  })
  await eventually(() => expect(world.seen).toHaveLength(1))
  for (let i = 0; i < 300; i += 1) world.broker.deliver(agent, nodeId, Buffer.alloc(60_000))
  await eventually(() => expect(bytes).toBe(300 * 60_000))
  expect(world.seen).toHaveLength(1)
})
