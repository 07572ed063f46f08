import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as openSocket, type Socket } from 'node:net'
import { type Duplex, PassThrough } from 'node:stream'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type ListenerOptions, Listeners } from './listeners.ts'
import { lineLimits, WaitingLine } from './waiting-line.ts'

vi.setConfig({ testTimeout: 30_000 })

const local = '127.0.0.1'
type Accepted = { readonly stream: Duplex; readonly address: string }

async function start(options: Partial<ListenerOptions> = {}, isOpen = true) {
  const accepted: Accepted[] = []
  const accept = (stream: Duplex, address: string) => {
    stream.on('error', () => undefined)
    accepted.push({ stream, address })
  }
  const listeners = new Listeners({
    ...{ host: local, mqttPort: 0, wsPort: 0, maxSocketsPerIp: 2, trustedProxies: [] },
    ...options,
  })
  const ports = await listeners.bind()
  if (isOpen) listeners.open({ accept })
  onTestFinished(() => listeners.stop())
  return { accepted, accept, listeners, ...ports }
}

/** A bare socket that the client keeps open; `got`: everything that came until the other side ended it. */
async function dial(port: number, text = '', host = local) {
  const to = { port, host: local, localAddress: host, allowHalfOpen: true }
  const socket = openSocket(to)
  onTestFinished(() => void socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const got = new Promise<string>((done) => {
    const over = () => done(Buffer.concat(chunks).toString('latin1'))
    socket.once('end', over).on('error', over).once('close', over)
  })
  await once(socket, 'connect')
  socket.write(text)
  return { socket, got }
}

function upgrade(path: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = {
    ...{ Host: 'x', Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
    ...{ 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Protocol': 'mqtt' },
    ...headers,
  }
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${path} HTTP/1.1\r\n${head.join('')}\r\n`
}

async function openWebSocket(port: number, headers: Readonly<Record<string, string>> = {}) {
  const webSocket = new WebSocket(`ws://${local}:${port}/ws/connectors`, 'mqtt', { headers })
  webSocket.on('error', () => undefined)
  onTestFinished(() => webSocket.terminate())
  await new Promise<void>((done) => {
    webSocket.once('open', done)
    webSocket.once('close', () => done())
  })
  return webSocket
}

async function closeOf(webSocket: WebSocket): Promise<void> {
  await new Promise<void>((done) => webSocket.once('close', () => done()))
}

const accepts = (list: readonly Accepted[], count: number) =>
  vi.waitFor(() => expect(list).toHaveLength(count), { timeout: 20_000, interval: 10 })

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

test('MQTT fact 6: sockets of both listeners have no delay, else each QoS 1 hop costs 44 ms', async () => {
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

test('B6: an upgrade that is not finished in time (5 s) is closed, also one without a byte', async () => {
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
  'B6: a WebSocket that sends %s is ended: it would pass by the transport guard',
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

test('B6: loopback is exempt from the limit per address', async () => {
  const { accepted, mqttPort } = await start({ maxSocketsPerIp: 2 })
  for (let i = 0; i < 5; i += 1) await dial(mqttPort, '', '127.0.0.2')
  await accepts(accepted, 5)
})

const viaProxy = { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8', '2001:db8::/32'] }

test('B6: behind a trusted proxy the sockets are counted per client, and given back at their end', async () => {
  const { wsPort } = await start({ ...viaProxy, maxSocketsPerIp: 2 })
  const from = (address: string) => openWebSocket(wsPort, { 'x-forwarded-for': address })
  const first = await from('198.51.100.7')
  await from('198.51.100.7')
  expect((await from('198.51.100.7')).readyState).not.toBe(WebSocket.OPEN)
  expect((await from('198.51.100.8')).readyState).toBe(WebSocket.OPEN)
  first.terminate()
  await vi.waitFor(
    async () => expect((await from('198.51.100.7')).readyState).toBe(WebSocket.OPEN),
    { timeout: 20_000 },
  )
})

test.each([
  ['the client of the one proxy', '198.51.100.7', '198.51.100.7'],
  ['the client behind a chain of trusted proxies', '198.51.100.7, 10.1.2.3', '198.51.100.7'],
  [
    'the nearest untrusted, whatever it says of others',
    '1.1.1.1, 203.0.113.9, 10.1.2.3',
    '203.0.113.9',
  ],
  ['an address of version 6', '2001:db9::1, 2001:db8::5', '2001:db9::1'],
  ['a mapped address in its plain form', '::ffff:198.51.100.7', '198.51.100.7'],
  ['the proxy, when it names no address', 'unknown', local],
  ['the proxy, when the nearest is no address', '6.6.6.6, junk', local],
  ['the proxy, when there is no header', '', local],
])('the observed address is %s', async (_what, forwarded, observed) => {
  const { accepted, wsPort } = await start(viaProxy)
  await openWebSocket(wsPort, forwarded === '' ? {} : { 'x-forwarded-for': forwarded })
  await accepts(accepted, 1)
  expect(accepted[0]?.address).toBe(observed)
})

test('X-Forwarded-For of a client that is no trusted proxy is not believed', async () => {
  const { accepted, wsPort } = await start({ trustedProxies: ['10.0.0.0/8'] })
  await openWebSocket(wsPort, { 'x-forwarded-for': '198.51.100.7' })
  await accepts(accepted, 1)
  expect(accepted[0]?.address).toBe(local)
})

test('a busy port is an error that names it; nothing stays open, so that a later start may succeed', async () => {
  const holder = createServer().listen(0, local)
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
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

test('who dials before the broker is there waits, by TCP and WebSocket, and is heard once it opens', async () => {
  const { accepted, accept, listeners, mqttPort, wsPort } = await start({}, false)
  const { socket } = await dial(mqttPort, 'greeting')
  const webSocket = new WebSocket(`ws://${local}:${wsPort}/ws/connectors`, 'mqtt')
  onTestFinished(() => webSocket.terminate())
  const opened = once(webSocket, 'open')
  await setTimeout(300)
  expect([accepted.length, webSocket.readyState]).toEqual([0, WebSocket.CONNECTING])
  expect(socket.readyState).toBe('open')
  listeners.open({ accept })
  await opened
  await accepts(accepted, 2)
  const [first] = accepted
  const heard = new Promise((done) => first?.stream.once('data', done))
  first?.stream.resume()
  expect(String(await heard)).toBe('greeting')
})

test('a burst is heard in the order in which it came, a few in each turn', async () => {
  const { accepted, accept, listeners, mqttPort } = await start({}, false)
  const dialled = []
  for (let n = 0; n < 2 * lineLimits.enteredPerTurn + 1; n += 1)
    dialled.push((await dial(mqttPort)).socket.localPort)
  // The last may have dialled and not be in the line yet.
  await setTimeout(100)
  const perTurn: number[] = []
  listeners.open({ accept })
  while (accepted.length < dialled.length) {
    await setImmediate()
    perTurn.push(accepted.length)
  }
  expect(perTurn[0]).toBeLessThanOrEqual(lineLimits.enteredPerTurn)
  expect(accepted.map(({ stream }) => (stream as Socket).remotePort)).toEqual(dialled)
})

test('who waits too long is cut, and who finds the line full is not let in', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const line = new WaitingLine()
  const guests = Array.from({ length: lineLimits.maxWaiting + 1 }, () => new PassThrough())
  for (const guest of guests) line.join(guest, () => undefined)
  expect(guests.map(({ destroyed }) => destroyed).lastIndexOf(false)).toBe(guests.length - 2)
  expect(guests.at(-1)?.destroyed).toBe(true)
  vi.advanceTimersByTime(lineLimits.maxWaitMs - 1)
  expect(guests.at(0)?.destroyed).toBe(false)
  vi.advanceTimersByTime(lineLimits.maxWaitMs)
  expect(guests.every(({ destroyed }) => destroyed)).toBe(true)
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
