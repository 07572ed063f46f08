import { hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { newId } from '@travessia/schemas/ids'
import { controlFilter, dataFilter, formatTopic } from '@travessia/schemas/topics'
import { turnBytes } from '@travessia/schemas/tunnel-frame'
import type { Client } from 'aedes'
import { expect, onTestFinished, test } from 'vitest'
import { broker, connected, publish } from './connections.fixture.ts'
import { eventually, listening } from './fixtures.ts'

const webSocketGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const connectPacket = 0x10

test('the agent opens two connections with the ids, the token and the one filter of each', async () => {
  const seen: Array<{ id: string; clean: boolean; username: unknown; password: unknown }> = []
  const { aedes, port } = await broker({
    authenticate(client: Client, username, password, done) {
      const { clean } = client as unknown as { clean: boolean }
      seen.push({ id: client.id, clean, username, password: password?.toString() })
      done(null, true)
    },
  })
  const filters: string[] = []
  aedes.on('subscribe', (list) => filters.push(...list.map(({ topic, qos }) => `${topic} ${qos}`)))
  const { config, up } = connected(port)
  await up()
  const { agentId } = config
  const login = { username: agentId, password: 'token' }
  expect(seen.sort((a, b) => a.id.length - b.id.length)).toEqual([
    { id: agentId, clean: false, ...login },
    { id: `${agentId}-d`, clean: true, ...login },
  ])
  expect(filters.sort()).toEqual([`${controlFilter(config)} 1`, `${dataFilter(config)} 0`].sort())
})

test('orders and frames come in, frames go out', async () => {
  const { aedes, port } = await broker()
  const { config, events, connections, up } = connected(port)
  await up()
  const nodeId = newId()
  await publish(aedes, formatTopic({ ...config, channel: 'cmd', kind: 'command' }), 'jws', 1)
  await publish(aedes, formatTopic({ ...config, channel: 'down', nodeId }), Buffer.from([1, 2]), 0)
  await eventually(() => expect(events.frame).toHaveBeenCalled())
  await eventually(() => expect(events.command).toHaveBeenCalledWith('command', 'jws'))
  expect(events.frame.mock.calls[0]?.[0]).toBe(nodeId)
  const arrived = once(aedes, 'publish')
  expect(connections.sendFrame(nodeId, new Uint8Array([7]))).toBe(true)
  const [{ topic, payload }] = await arrived
  expect(topic).toBe(formatTopic({ ...config, channel: 'up', nodeId }))
  expect([...payload]).toEqual([7])
})

test('what goes over a WebSocket is masked with zeros, so that nobody has to touch its bytes', async () => {
  let seen: (bytes: Buffer) => void = () => undefined
  const first = new Promise<Buffer>((resolve) => {
    seen = resolve
  })
  const server = createHttpServer()
  server.on('upgrade', ({ headers }, socket) => {
    const accept = hash('sha1', `${headers['sec-websocket-key']}${webSocketGuid}`, 'base64')
    socket.write(
      `HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`,
    )
    socket.on('error', () => undefined).once('data', seen)
  })
  onTestFinished(() => server.closeAllConnections())
  const wsUrl = `ws://127.0.0.1:${await listening(server)}/ws/connectors`
  connected(0, 30, wsUrl)
  const [, length = 0, ...rest] = await first
  const keyAt = (length & 127) === 126 ? 2 : 0
  expect(length >> 7).toBe(1)
  expect(rest.slice(keyAt, keyAt + 5)).toEqual([0, 0, 0, 0, connectPacket])
})

test('neither connection counts as up before the broker has confirmed the subscription', async () => {
  const confirm: Array<() => void> = []
  const { port } = await broker({
    authorizeSubscribe: (_client, subscription, done) =>
      void confirm.push(() => done(null, subscription)),
  })
  const { connections, events, up } = connected(port)
  await eventually(() => expect(confirm).toHaveLength(2))
  expect([connections.isControlUp, connections.isDataUp, connections.dataEpoch]).toEqual([
    false,
    false,
    '',
  ])
  expect(events.controlUp).not.toHaveBeenCalled()
  // A node that greets as soon as it sees the subscription gets its answer all the same.
  expect(connections.sendFrame(newId(), new Uint8Array(1))).toBe(true)
  for (const one of confirm) one()
  await up()
  expect(connections.dataEpoch).toMatch(/^[a-z0-9]{26}$/)
})

test('a refused subscription is not a connection: it is dialled again', async () => {
  let attempts = 0
  const { port } = await broker({
    authorizeSubscribe(_client, subscription, done) {
      attempts += 1
      done(null, attempts > 2 ? subscription : null)
    },
  })
  const { up, events } = connected(port)
  await up()
  expect(events.controlUp).toHaveBeenCalledTimes(1)
  expect(attempts).toBeGreaterThan(2)
})

test('a report is taken when the broker has confirmed it, and not when the link ends before', async () => {
  const { port, wire, cut } = await broker()
  const { connections, up } = connected(port)
  expect(await connections.publish('ack', {})).toBe(false)
  await up()
  expect(await connections.publish('ack', { a: 1 })).toBe(true)
  wire.isFrozen = true
  const pending = connections.publish('ack', { a: 2 })
  cut()
  expect(await pending).toBe(false)
  wire.isFrozen = false
  connections.redial()
  await up()
  wire.isFrozen = true
  const second = connections.publish('ack', { a: 3 })
  connections.redial()
  expect(await second).toBe(false)
})

test('a network that takes nothing holds the streams back at the agent window, and lets go when it does', async () => {
  const { port, stall } = await broker()
  const { connections, up } = connected(port)
  await up()
  expect(connections.drained()).toBeUndefined()
  const go = stall()
  const frame = new Uint8Array(60_000)
  const nodeId = newId()
  let isFree = false
  for (let bytes = 0; bytes < turnBytes + 20_000_000; bytes += frame.length)
    connections.sendFrame(nodeId, frame)
  const drained = connections.drained()?.then(() => {
    isFree = true
  })
  expect(drained).toBeDefined()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(isFree).toBe(false)
  go()
  await drained
})

test('after the stop nothing is dialled', async () => {
  const { aedes, port } = await broker()
  const { connections, up } = connected(port)
  await up()
  await connections.stop()
  await eventually(() => expect(aedes.connectedClients).toBe(0))
  connections.redial()
  // Who dials later is there later.
  await connected(port).up()
  expect(aedes.connectedClients).toBe(2)
})
