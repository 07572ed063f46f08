import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import {
  decodeCodeAndText,
  encodeCodeAndText,
  Flag,
  FrameType,
  ResetCode,
} from '@travessia/schemas/tunnel-frame'
import { MessageAssembler, type TunnelStream } from '@travessia/schemas/tunnel-stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws'
import { closedPort, deviceAt, eventually, listening } from './fixtures.ts'
import { PageSigner } from './page-signer.ts'
import { answerOf, tunnelTo } from './tunnel.fixture.ts'

const reset = (code: ResetCode) => expect.objectContaining({ name: 'StreamReset', code })
const upgrade = { webSocket: { protocols: [] } }

async function webSocketDevice(
  onSocket: (socket: WebSocket, request: IncomingMessage) => void,
  options: ServerOptions = {},
) {
  const server = createServer()
  const sockets = new WebSocketServer({ server, maxPayload: 64_000_000, ...options })
  sockets.on('connection', onSocket)
  onTestFinished(() => {
    for (const socket of sockets.clients) socket.terminate()
  })
  return tunnelTo(deviceAt(`http://127.0.0.1:${await listening(server)}`))
}

const echo = (socket: WebSocket) =>
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))

/** The next message, or the close, as the node sees it. */
async function nextOf(stream: TunnelStream) {
  const assembler = new MessageAssembler()
  for (let frame = await stream.read(); frame; frame = await stream.read()) {
    if (frame.type === FrameType.wsClose) return { close: decodeCodeAndText(frame.payload) }
    const data = assembler.add(frame, 64_000_000)
    if (data) return { data: Buffer.from(data), isBinary: (frame.flags & Flag.binary) !== 0 }
  }
  return undefined
}

test('messages come back as text or binary, as they were sent, empty ones too', async () => {
  const { open } = await webSocketDevice(echo)
  const stream = open(upgrade)
  expect((await answerOf(stream)).status).toBe(101)
  for (const [message, flag] of [
    ['olá', Flag.text],
    ['\u0000\u0001', Flag.binary],
    ['', Flag.text],
  ] as const) {
    await stream.write(Buffer.from(message), flag)
    const isBinary = flag === Flag.binary
    expect(await nextOf(stream)).toEqual({ data: Buffer.from(message), isBinary })
  }
})

test('a message much larger than the credit crosses both ways in one piece', async () => {
  const { open } = await webSocketDevice(echo)
  const stream = open(upgrade)
  await answerOf(stream)
  const large = Buffer.alloc(2_000_000, 'travessia')
  const sending = stream.write(large, Flag.binary)
  const got = await nextOf(stream)
  await sending
  expect(got?.data?.equals(large)).toBe(true)
})

test('the device chooses among the offered subprotocols', async () => {
  const { open } = await webSocketDevice(echo, { handleProtocols: () => 'v2' })
  const stream = open({ webSocket: { protocols: ['v1', 'v2'] } })
  expect((await answerOf(stream)).headers).toEqual(['sec-websocket-protocol', 'v2'])
})

test("target, cookies and the device's own Host arrive at the handshake", async () => {
  const seen = vi.fn()
  const { open } = await webSocketDevice((_socket, { url, headers }) => seen({ url, ...headers }))
  const headers = ['Cookie', 'session=1', 'X-Token', 't']
  await answerOf(open({ ...upgrade, path: '/ws?a=%20', headers }))
  expect(seen.mock.calls[0]?.[0]).toMatchObject({
    ...{ url: '/ws?a=%20', cookie: 'session=1', 'x-token': 't' },
    host: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
  })
})

test('a first message that comes together with the 101 is not lost', async () => {
  for (let round = 0; round < 10; round += 1) {
    const { open } = await webSocketDevice((socket) => socket.send('at once'))
    const stream = open(upgrade)
    await answerOf(stream)
    expect((await nextOf(stream))?.data?.toString()).toBe('at once')
  }
})

test.each([
  [1000, 'bye'],
  [1001, ''],
  [4001, 'session ended'],
])('a close by the device keeps its code %i', async (code, reason) => {
  const { open } = await webSocketDevice((socket) => socket.close(code, reason))
  const stream = open(upgrade)
  await answerOf(stream)
  expect(await nextOf(stream)).toEqual({ close: { code, text: reason } })
})

test('a device that closes without a code says 1000, one that is cut 1011', async () => {
  const quiet = await webSocketDevice((socket) => socket.close())
  const cut = await webSocketDevice((socket) => socket.terminate())
  for (const [{ open }, code] of [
    [quiet, 1000],
    [cut, 1011],
  ] as const) {
    const stream = open(upgrade)
    await answerOf(stream)
    expect(await nextOf(stream)).toMatchObject({ close: { code } })
  }
})

test('a close by the browser reaches the device with its code, one that may not be sent as 1000', async () => {
  const closed: unknown[] = []
  const { open, server } = await webSocketDevice((socket) =>
    socket.on('close', (code, reason) => closed.push([code, reason.toString()])),
  )
  for (const [code, text] of [
    [4002, 'tab closed'],
    [1005, ''],
  ] as const) {
    const stream = open(upgrade)
    await answerOf(stream)
    stream.frame(FrameType.wsClose, encodeCodeAndText(code, text), true)
    expect(await nextOf(stream)).toHaveProperty('close')
  }
  await eventually(() => expect(closed).toHaveLength(2))
  expect(closed).toEqual([
    [4002, 'tab closed'],
    [1000, ''],
  ])
  await eventually(() => expect(server.streamCount).toBe(0))
})

/** Answers each handshake with these pieces, and says when its socket is closed. */
async function refusing(...pieces: readonly string[]) {
  const closed = vi.fn()
  const server = createServer().on('upgrade', (_request, socket) => {
    socket.on('error', () => undefined).once('close', closed)
    socket.once('end', () => socket.end()).resume()
    for (const piece of pieces) socket.write(piece)
  })
  return { ...tunnelTo(deviceAt(`http://127.0.0.1:${await listening(server)}`)), closed }
}

test.each([
  ['with a short body', `Content-Length: 9\r\n\r\nnot today`, 'not today'],
  ['with none', 'Content-Length: 0\r\n\r\n', ''],
  ['with a long body', `Content-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`, 'x'.repeat(200_000)],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n0\r\n\r\n', 'not'],
])("a device's refusal %s arrives whole, and then its socket is closed", async (_, rest, said) => {
  const { open, closed, server } = await refusing(
    `HTTP/1.1 403 Forbidden\r\nX-Reason: no\r\n${rest}`,
  )
  const stream = open(upgrade)
  const { status, headers, body } = await answerOf(stream)
  expect(status).toBe(403)
  expect(headers.join('|')).toContain('X-Reason|no')
  expect(String(await body())).toBe(said)
  stream.reset(ResetCode.cancel)
  await eventually(() => expect(closed).toHaveBeenCalled())
  expect(server.streamCount).toBe(0)
})

test('a refusal that breaks off, or is silent for too long, is cut', async () => {
  const server = createServer().on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 90000\r\n\r\nnot', () =>
      socket.destroy(),
    )
  })
  const cut = tunnelTo(deviceAt(`http://127.0.0.1:${await listening(server)}`))
  const broken = await answerOf(cut.open(upgrade))
  await expect(broken.body()).rejects.toEqual(reset(ResetCode.deviceClosed))
  const silent = await refusing('HTTP/1.1 403 Forbidden\r\nContent-Length: 90000\r\n\r\nnot')
  const slow = await answerOf(silent.open({ ...upgrade, ...silent.timeouts({ idleMs: 50 }) }))
  await expect(slow.body()).rejects.toEqual(reset(ResetCode.idleTimeout))
})

test('a refusal of what the agent has signed in with asks nobody for a password, and shows no secret', async () => {
  const secret = 'a-secret-of-the-device'
  const challenge = await refusing(
    'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n',
  )
  const other = await refusing(
    `HTTP/1.1 403 No\r\nX-Key: ${secret}\r\nContent-Length: ${secret.length}\r\n\r\n${secret}`,
  )
  for (const { link } of [challenge, other]) {
    link.grantOf = async ({ deviceId }) => ({
      ...{ tenantId: deviceId, agentId: deviceId, deviceId, access: 'full', signIn: true },
      expiresAt: Date.now(),
    })
    link.signer = new PageSigner(async () => ({ secrets: [secret] }))
  }
  await expect(answerOf(challenge.open(upgrade))).rejects.toEqual(reset(ResetCode.signInRefused))
  const { headers, body } = await answerOf(other.open(upgrade))
  expect(headers.join('|')).toContain(`X-Key|${'*'.repeat(secret.length)}`)
  expect(String(await body())).toBe('*'.repeat(secret.length))
})

test('a device that answers the handshake with nothing is left in time', async () => {
  const silentPort = await listening(createTcpServer())
  const { open, timeouts } = tunnelTo(deviceAt(`http://127.0.0.1:${silentPort}`))
  const stream = open({ ...upgrade, ...timeouts({ firstByteMs: 50 }) })
  await expect(answerOf(stream)).rejects.toEqual(reset(ResetCode.firstByteTimeout))
})

test('a device that refuses the connection is unreachable, a forbidden one forbidden', async () => {
  const { open, link } = tunnelTo(deviceAt(`http://127.0.0.1:${await closedPort()}`))
  await expect(answerOf(open(upgrade))).rejects.toEqual(reset(ResetCode.deviceUnreachable))
  link.allowLoopback = false
  await expect(answerOf(open(upgrade))).rejects.toEqual(reset(ResetCode.targetForbidden))
})

test("the end of the session cuts the device's socket", async () => {
  const closed = vi.fn()
  const { open } = await webSocketDevice((socket) => socket.on('close', closed))
  const stream = open(upgrade)
  await answerOf(stream)
  stream.reset(ResetCode.cancel)
  await eventually(() => expect(closed).toHaveBeenCalled())
})

test('a viewer who does not read holds the device back', async () => {
  let device: WebSocket | undefined
  const { open } = await webSocketDevice((socket) => {
    device = socket
  })
  const stream = open(upgrade)
  await answerOf(stream)
  const message = Buffer.alloc(1_000_000)
  for (let i = 0; i < 40; i += 1) device?.send(message)
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(device?.bufferedAmount).toBeGreaterThan(10_000_000)
  for (let i = 0; i < 40; i += 1) expect((await nextOf(stream))?.data).toHaveLength(1_000_000)
})

test('of a device that sends faster than the network takes, one read waits at the agent and no more', async () => {
  const total = 60_000
  const { open, link } = await webSocketDevice((socket) => {
    for (let n = 0; n < total; n += 1) socket.send('x')
  })
  let [arrived, left, most] = [0, 0, 0]
  const emit = vi.spyOn(WebSocket.prototype, 'emit').mockImplementation(function (
    this: WebSocket,
    name,
    ...args
  ) {
    if (name === 'message') most = Math.max(most, ++arrived - left)
    return EventEmitter.prototype.emit.call(this, name, ...args)
  })
  onTestFinished(() => emit.mockRestore())
  link.drained = () => new Promise((resolve) => setImmediate(resolve))
  const stream = open(upgrade)
  await answerOf(stream)
  while (left < total) {
    await nextOf(stream)
    left += 1
  }
  // A message of one byte takes three on the wire, a read 64 KiB.
  expect(most).toBeLessThan(25_000)
})

test('a message beyond 16 MiB ends the socket instead of filling the memory', async () => {
  const { open } = await webSocketDevice((socket) =>
    socket.send(Buffer.alloc(16 * 1024 * 1024 + 1)),
  )
  const stream = open(upgrade)
  await answerOf(stream)
  await expect(nextOf(stream)).rejects.toEqual(reset(ResetCode.deviceClosed))
})

test('a total limit ends a WebSocket, too', async () => {
  const { open, timeouts } = await webSocketDevice(echo)
  const stream = open({ ...upgrade, ...timeouts({ totalMs: 1_000 }) })
  await answerOf(stream)
  await expect(nextOf(stream)).rejects.toEqual(reset(ResetCode.totalTimeout))
})

test('pings of the device are answered by the agent', async () => {
  const ponged = vi.fn()
  const { open } = await webSocketDevice((socket) => {
    void once(socket, 'pong').then(ponged)
    socket.ping()
  })
  await answerOf(open(upgrade))
  await eventually(() => expect(ponged).toHaveBeenCalled())
})
