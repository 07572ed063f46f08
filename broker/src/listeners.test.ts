import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { freePort } from '../../rig/free-port.ts'
import {
  accepts,
  closeOf,
  dial,
  local,
  openWebSocket,
  start,
  upgrade,
} from './listeners.fixture.ts'
import { Listeners } from './listeners.ts'

test('both listeners hand the connection to the broker with the address that they see', async () => {
  const { accepted, mqttPort, wsPort } = await start()
  await dial(mqttPort)
  await accepts(accepted, 1)
  const webSocket = await openWebSocket(wsPort)
  expect(webSocket.protocol).toBe('mqtt')
  await accepts(accepted, 2)
  expect(accepted.map(({ address }) => address)).toEqual([local, local])
  webSocket.send(Buffer.from([1, 2, 3]))
  expect((await once(accepted[1]?.stream as Duplex, 'data'))[0]).toEqual(Buffer.from([1, 2, 3]))
})

test('sockets of both listeners have no delay, else each QoS 1 hop costs 44 ms', async () => {
  const sockets: object[] = []
  watchSockets((socket) => sockets.push(socket))
  const { accepted, mqttPort, wsPort } = await start()
  await dial(mqttPort)
  await openWebSocket(wsPort)
  await accepts(accepted, 2)
  expect(sockets.map(hasNoDelay)).toEqual([true, true])
})

/** What the servers of this process accept from now on. */
function watchSockets(see: (socket: Socket) => void): void {
  const onSocket = (message: unknown) => see((message as { socket: Socket }).socket)
  subscribe('net.server.socket', onSocket)
  onTestFinished(() => void unsubscribe('net.server.socket', onSocket))
}

/** Node has no getter for the option; it notes on the socket what it told the kernel. */
function hasNoDelay(socket: object): unknown {
  const noted = Object.getOwnPropertySymbols(socket).find((s) => s.description === 'kSetNoDelay')
  return noted && Reflect.get(socket, noted)
}

test('a path that is not /ws/connectors is answered 404 and the socket closed, also when the client keeps it open', async () => {
  const { accepted, wsPort } = await start()
  const closed: Array<Promise<unknown>> = []
  watchSockets((socket) => closed.push(once(socket, 'close')))
  for (const path of ['/', '/ws', '/ws/connectors/', '/ws/connectors?x=1', '/WS/connectors']) {
    const { got } = await dial(wsPort, upgrade(path))
    expect(await got).toMatch(/^HTTP\/1\.1 404 /)
  }
  expect(closed).toHaveLength(5)
  await Promise.all(closed)
  expect(accepted).toEqual([])
})

test('a client that resets its socket right behind a wrong upgrade does not end the process', async () => {
  const { accepted, wsPort } = await start()
  for (const path of ['/wrong', '/ws/connectors']) {
    for (let i = 0; i < 20; i += 1) {
      const { socket } = await dial(wsPort, upgrade(path))
      socket.resetAndDestroy()
    }
  }
  const webSocket = await openWebSocket(wsPort)
  expect(webSocket.readyState).toBe(WebSocket.OPEN)
  expect(accepted.length).toBeGreaterThan(0)
})

test('a request that is no upgrade is answered 426 and closed', async () => {
  const { wsPort } = await start()
  const { got } = await dial(wsPort, 'GET /ws/connectors HTTP/1.1\r\nHost: x\r\n\r\n')
  expect(await got).toMatch(/^HTTP\/1\.1 426 /)
})

test.each([
  ['without a key', { 'Sec-WebSocket-Key': '' }, 400],
  ['of another version', { 'Sec-WebSocket-Version': '1' }, 400],
  ['with a head of 8 KiB', { 'X-Long': 'x'.repeat(8 * 1024) }, 431],
])('an upgrade %s is refused and closed', async (_what, headers, status) => {
  const { accepted, wsPort } = await start()
  const { got } = await dial(wsPort, upgrade('/ws/connectors', headers))
  expect(await got).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(accepted).toEqual([])
})

test('an upgrade that is not finished in time (5 s) is closed, also one without a byte', async () => {
  const { wsPort } = await start({ upgradeTimeoutMs: 50 })
  const dialled = await Promise.all([
    dial(wsPort),
    dial(wsPort, 'GET /ws/connectors HTTP/1.1\r\nHost: x\r\n'),
    dial(wsPort, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx'),
  ])
  for (const { got } of dialled) await got
})

test.each<[string, (webSocket: WebSocket) => void]>([
  ['text [MQTT-6.0.0-1]', (webSocket) => webSocket.send('text')],
  ['an empty message', (webSocket) => webSocket.send(Buffer.alloc(0))],
  ['pings without end', (webSocket) => [1, 2, 3].forEach(() => void webSocket.ping())],
  ['a pong that nobody asked for', (webSocket) => webSocket.pong()],
  ['a message of more than 128 KiB', (webSocket) => webSocket.send(Buffer.alloc(128 * 1024 + 1))],
])(
  'a WebSocket that sends %s is ended: it would pass by the transport guard',
  async (_what, send) => {
    const { accepted, wsPort } = await start()
    const webSocket = await openWebSocket(wsPort)
    await accepts(accepted, 1)
    accepted[0]?.stream.resume()
    const closed = closeOf(webSocket)
    send(webSocket)
    await closed
  },
)

test('one ping is answered: a proxy may want to know that the other side lives', async () => {
  const { wsPort } = await start()
  const webSocket = await openWebSocket(wsPort)
  webSocket.ping()
  await once(webSocket, 'pong')
  expect(webSocket.readyState).toBe(WebSocket.OPEN)
})

test('loopback is exempt from the limit per address', async () => {
  const { accepted, mqttPort } = await start({ maxSocketsPerIp: 2 })
  for (let i = 0; i < 5; i += 1) await dial(mqttPort, '', '127.0.0.2')
  await accepts(accepted, 5)
})

test('a busy port is an error that names it; nothing stays open, so that a later start may succeed', async () => {
  const port = await freePort()
  const holder = createServer().listen(port, local)
  await once(holder, 'listening')
  const options = { host: local, mqttPort: 0, wsPort: 0, maxSocketsPerIp: 1, trustedProxies: [] }
  const both = [{ mqttPort: port }, { wsPort: port }].map(
    (busy) => new Listeners({ ...options, ...busy }),
  )
  for (const listeners of both)
    await expect(listeners.bind()).rejects.toMatchObject({ code: 'EADDRINUSE', port })
  await new Promise((done) => holder.close(done))
  for (const listeners of both) {
    expect(Object.values(await listeners.bind())).toContain(port)
    await listeners.stop()
  }
})

test('stop ends every connection, upgraded, half open or idle', async () => {
  const { listeners, accepted, mqttPort, wsPort } = await start()
  const raw = await dial(mqttPort)
  const idle = await dial(wsPort)
  const webSocket = await openWebSocket(wsPort)
  await accepts(accepted, 2)
  const ends = [raw.got, idle.got, closeOf(webSocket)]
  await listeners.stop()
  await Promise.all(ends)
})
