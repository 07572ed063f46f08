import { hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { newId } from '@travessia/schemas/ids'
import { controlFilter, dataFilter, formatTopic } from '@travessia/schemas/topics'
import { turnBytes } from '@travessia/schemas/tunnel-frame'
import { Aedes, type AedesOptions, type Client } from 'aedes'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type ConnectionEvents, Connections } from './connections.ts'
import { agentConfig, closedPort, eventually, listening, noProxies, silent } from './fixtures.ts'

const webSocketGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const connectPacket = 0x10

/** A plain broker, behind a wire that can be frozen: open, and nothing passes. */
async function broker(options: Partial<AedesOptions> = {}) {
  const aedes = new Aedes(options)
  await aedes.listen()
  onTestFinished(() => new Promise<void>((done) => aedes.close(() => done())))
  const brokerPort = await listening(createServer(aedes.handle))
  const pairs = new Set<readonly [Socket, Socket]>()
  const wire = { isFrozen: false }
  const relay = createServer((near) => {
    const far = connect(brokerPort, '127.0.0.1')
    const pair = [near, far] as const
    pairs.add(pair)
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (data) => void (wire.isFrozen ? undefined : to.write(data)))
      from.on('error', () => undefined)
      from.once('close', () => {
        to.destroy()
        pairs.delete(pair)
      })
    }
  })
  const port = await listening(relay)
  const cut = () => {
    for (const [near] of pairs) near.destroy()
  }
  onTestFinished(cut)
  /** Nothing is lost, and nothing is taken. @returns what ends it */
  const stall = () => {
    const sockets = [...pairs].flat()
    for (const socket of sockets) socket.pause()
    return () => {
      for (const socket of sockets) socket.resume()
    }
  }
  return { aedes, port, wire, cut, stall }
}

function connected(port: number, keepaliveSeconds = 30, wsUrl = `mqtt://127.0.0.1:${port}`) {
  const config = agentConfig({ wsUrl })
  const events = {
    ...{ command: vi.fn(), frame: vi.fn(), controlUp: vi.fn(), dataUp: vi.fn(), dataLost: vi.fn() },
    refused: vi.fn(),
  } satisfies ConnectionEvents
  const connections = new Connections({
    ...{ config: () => config, events, proxies: noProxies, log: silent, keepaliveSeconds },
  })
  onTestFinished(() => connections.stop())
  connections.start()
  const up = () =>
    eventually(() => expect([connections.isControlUp, connections.isDataUp]).toEqual([true, true]))
  return { config, events, connections, up }
}

const publish = (aedes: Aedes, topic: string, payload: string | Buffer, qos: 0 | 1) =>
  new Promise<void>((resolve, reject) => {
    const packet = { cmd: 'publish', topic, payload, qos, retain: false, dup: false } as const
    aedes.publish(packet, (error) => (error ? reject(error) : resolve()))
  })

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

test('a broker that kept the session but lost the subscription gets it again', async () => {
  const { aedes, port, cut } = await broker()
  const { config, events, up } = connected(port)
  await up()
  const { persistence } = aedes as unknown as {
    persistence: { removeSubscriptions: (client: object, topics: string[]) => Promise<void> }
  }
  cut()
  await eventually(() => expect(events.dataLost).toHaveBeenCalled())
  await persistence.removeSubscriptions({ id: config.agentId }, [controlFilter(config)])
  await up()
  await publish(aedes, formatTopic({ ...config, channel: 'cmd', kind: 'command' }), 'jws', 1)
  await eventually(() => expect(events.command).toHaveBeenCalled())
})

test('what was published with QoS 1 while the agent was away arrives when it is back', async () => {
  const { aedes, port, cut, wire } = await broker()
  const { config, events, connections, up } = connected(port)
  await up()
  wire.isFrozen = true
  cut()
  await eventually(() => expect(connections.isControlUp).toBe(false))
  await publish(aedes, formatTopic({ ...config, channel: 'cmd', kind: 'command' }), 'wake', 1)
  wire.isFrozen = false
  connections.redial()
  await eventually(() => expect(events.command).toHaveBeenCalledWith('command', 'wake'))
})

test('each data connection is a new epoch; while it is down there is none, and streams are told', async () => {
  const { port, cut } = await broker()
  const { connections, events, up } = connected(port)
  await up()
  const first = connections.dataEpoch
  const whileDown = vi.fn(() => [
    connections.dataEpoch,
    connections.sendFrame(newId(), new Uint8Array(1)),
  ])
  events.dataLost.mockImplementation(whileDown)
  cut()
  await eventually(() => expect(whileDown).toHaveReturnedWith(['', false]))
  await up()
  expect(connections.dataEpoch).not.toBe(first)
  expect(events.dataUp).toHaveBeenCalledTimes(2)
})

test('an address change drops both connections and dials at once', async () => {
  const { port } = await broker()
  const { connections, events, up } = connected(port)
  await up()
  const first = connections.dataEpoch
  connections.redial()
  expect([connections.isControlUp, connections.isDataUp]).toEqual([false, false])
  expect(events.dataLost).toHaveBeenCalledTimes(1)
  await up()
  expect(connections.dataEpoch).not.toBe(first)
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
  const second = connections.publish('ack', { a: 3 })
  connections.redial()
  expect(await second).toBe(false)
})

test('a half-open link, where nothing comes and nothing is refused, is noticed by the keepalive', async () => {
  const { port, wire } = await broker()
  const { connections, events, up } = connected(port, 1)
  await up()
  wire.isFrozen = true
  // Sending does not hide it.
  const talk = setInterval(() => connections.sendFrame(newId(), new Uint8Array(1)), 100)
  onTestFinished(() => clearInterval(talk))
  await eventually(() => expect(events.dataLost).toHaveBeenCalled())
  await eventually(() => expect(connections.isControlUp).toBe(false))
})

test('when one connection is back, a dial of the other that hangs from before is begun anew', async () => {
  let hanging = 0
  /** Control is back only after the other has begun to hang. */
  let letControlIn: () => void = () => undefined
  const { port, cut } = await broker({
    authenticate: (client: Client, _user, _password, done) => {
      const welcome = () => done(null, true)
      if (hanging === 0) return welcome()
      if (!client.id.endsWith('-d')) {
        letControlIn = welcome
        return
      }
      hanging -= 1
      letControlIn()
    },
  })
  const { connections, up } = connected(port)
  await up()
  hanging = 1
  cut()
  await eventually(() => expect(connections.isDataUp).toBe(false))
  const begun = performance.now()
  await up()
  expect(hanging).toBe(0)
  // By itself the dial would be given up after 8 s.
  expect(performance.now() - begun).toBeLessThan(6_000)
})

test('a refused token is said, and dialling goes on', async () => {
  let isRefusing = true
  const { port } = await broker({
    authenticate(_client, _username, _password, done) {
      if (isRefusing) done(Object.assign(new Error('refused'), { returnCode: 5 }) as never, null)
      else done(null, true)
    },
  })
  const { events, up } = connected(port)
  await eventually(() => expect(events.refused).toHaveBeenCalled())
  isRefusing = false
  await up()
})

test('a broker that is not there is dialled until it is', async () => {
  const port = await closedPort()
  const { connections, up } = connected(port)
  await eventually(() => expect(connections.isControlUp).toBe(false))
  const aedes = new Aedes()
  await aedes.listen()
  const server = createServer(aedes.handle).listen(port, '127.0.0.1')
  onTestFinished(async () => {
    await connections.stop()
    server.close()
    await new Promise<void>((done) => aedes.close(() => done()))
  })
  await up()
  expect(connections.isWorking).toBe(true)
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
  expect(connections.isControlUp).toBe(false)
})
