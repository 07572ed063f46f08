import { once } from 'node:events'
import { connect } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { newId } from '@travessia/schemas/ids'
import { afterAll, expect, test, vi } from 'vitest'
import { maxSockets } from './session-memory.ts'
import { answerTo, long, refusal, startSocketGateway } from './socket-gateway.fixture.ts'

const gateway = await startSocketGateway()
const { node, device, session, atDevice, refused, dial } = gateway
afterAll(gateway.stop)

test.each([
  ['of another site', 'https://evil.example'],
  ['null', 'null'],
  ['of another session', `http://${newId()}.remote.localhost:8002`],
  ['with something appended', `http://x.remote.localhost.evil.example`],
])('a handshake with an origin %s is refused', async (_what, origin) => {
  expect(await refusal(dial(session, '/ws', { origin }))).toBe(403)
})

test('a handshake without the session’s cookie is refused', async () => {
  expect(await refusal(dial(session, '/ws', { cookie: 'a=b' }))).toBe(403)
})

test('a handshake that is not whole is refused before the device hears of it', async () => {
  const before = atDevice.length
  const socket = connect(node.parts.port, '127.0.0.1')
  socket.write(
    `GET /ws HTTP/1.1\r\nHost: ${session.host}\r\nOrigin: http://${session.host}\r\nCookie: ${session.cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  )
  expect(String(await buffer(socket))).toMatch(/^HTTP\/1\.1 400 /)
  expect(atDevice.length).toBe(before)
})

test.each([
  ['/refused', 401, 'not today'],
  ['/page', 200, '<html'],
  ['/long', 404, 'x'.repeat(long)],
] as const)(
  'a device that refuses at %s answers the browser itself, and the log has it',
  async (path, status, body) => {
    const opened = await node.open(device)
    const answer = await answerTo(dial(opened, path))
    expect([answer.statusCode, await text(answer)]).toEqual([status, body])
    expect(answer.headers.connection).toBe('close')
    const facts = await node.factsOf(opened.id, 'HttpResponseReceived')
    expect(facts.slice(-2)).toMatchObject([
      { type: 'WebSocketOpened' },
      { type: 'HttpResponseReceived', data: { status, responseBody: { bytes: body.length } } },
    ])
    expect(node.parts.sessions.find(opened.id)?.cuts.size).toBe(0)
  },
)

test('the headers of a refusal are those of any answer: its challenge stays, its cookie is the session’s', async () => {
  const { headers } = await answerTo(dial(session, '/refused'))
  expect(headers['www-authenticate']).toBe('Basic realm="device"')
  expect(headers['set-cookie']?.join()).toMatch(/^a=b(?!.*evil)/)
  expect(headers['cross-origin-opener-policy']).toBe('same-origin')
})

test.each(['/longer', '/short'])(
  'a refusal that is too long or broken is cut at %s, and the log says so',
  async (path) => {
    const opened = await node.open(device)
    await expect(text(await answerTo(dial(opened, path)))).rejects.toThrow('aborted')
    const facts = await node.factsOf(opened.id, 'HttpExchangeFailed')
    expect(facts.at(-1)?.data).toMatchObject({ stage: 'device', errorCode: 'DEVICE_PROTOCOL' })
  },
)

test.each(['/split', '/endless'])(
  'a refusal that no HTTP answer may be, at %s, is 502, and its device is left',
  async (path) => {
    expect(await refusal(dial(session, path))).toBe(502)
    await expect.poll(() => refused.size).toBe(0)
  },
)

test('a session has so many WebSockets at once, and one more when one has closed', async () => {
  const opened = await node.open(device)
  const sockets = Array.from({ length: maxSockets }, () => dial(opened, '/ws'))
  await Promise.all(sockets.map((socket) => once(socket, 'open')))
  expect(await refusal(dial(opened, '/ws'))).toBe(503)
  const [first] = sockets
  first?.close()
  await vi.waitFor(() => once(dial(opened, '/ws'), 'open'), { timeout: 10_000 })
})

test('a browser that sends more than 64 KiB before its 101 is left, and so is the device', async () => {
  const { host, cookie, id } = await node.open(device)
  const socket = connect(node.parts.port, '127.0.0.1').on('error', () => undefined)
  const left = once(socket, 'close')
  const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  socket.write(
    `GET /silent HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://${host}\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n`,
  )
  await node.factsOf(id, 'WebSocketOpened')
  socket.write(Buffer.alloc(64 * 1024 + 1))
  await left
  await node.factsOf(id, 'WebSocketClosed')
})
