import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { newId } from '@travessia/schemas/ids'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { DeviceRow } from '../views/devices.ts'
import type { DeviceSocket } from './device-client.ts'
import { listen, type Session, startGateway, type TestGateway } from './test-gateway.ts'
import { joinWebSocket, sendable } from './websocket.ts'

let node: TestGateway
let devices: WebSocketServer
let device: DeviceRow
let session: Session
/** Sockets as the device sees them, newest last, and what its pages heard. */
const atDevice: WebSocket[] = []
const heard: string[] = []
const closed: number[] = []
/** Connections that were refused and are still open. */
const refused = new Set<Duplex>()
let stop: () => void

const basic = 'WWW-Authenticate: Basic realm="device"\r\nSet-Cookie: a=b; Domain=evil.example\r\n'
const long = 64 * 1024
const refusals: Record<string, string> = {
  '/refused': `401 No\r\n${basic}Content-Length: 9\r\n\r\nnot today`,
  '/page': '200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<html\r\n0\r\n\r\n',
  '/long': `404 No\r\nContent-Length: ${long}\r\n\r\n${'x'.repeat(long)}`,
  '/longer': `404 No\r\nContent-Length: ${long + 1}\r\n\r\n${'x'.repeat(long + 1)}`,
  '/short': '403 No\r\nContent-Length: 9\r\n\r\nnot',
  '/split': '403 No\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nnot',
  // A parser takes it for a length, and no program counts so far.
  '/endless': `403 No\r\nContent-Length: ${'9'.repeat(16)}\r\n\r\nnot`,
}

beforeAll(async () => {
  const { server, url } = await listen((_request, response) => response.writeHead(404).end())
  devices = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
  })
  server.on('upgrade', (request, socket, head) => {
    const refusal = refusals[request.url ?? '']
    if (refusal !== undefined) {
      refused.add(socket.once('close', () => refused.delete(socket)))
      socket.on('end', () => socket.end()).resume()
      socket.write(`HTTP/1.1 ${refusal}`)
      return void (request.url === '/endless' || socket.end())
    }
    if (request.url === '/silent') return
    devices.handleUpgrade(request, socket, head, (browser) => {
      atDevice.push(browser)
      browser.on('message', (data, isBinary) => {
        heard.push(String(data))
        browser.send(data, { binary: isBinary })
      })
      browser.on('close', (code) => closed.push(code))
      browser.send('welcome')
    })
  })
  node = await startGateway(url)
  device = await node.register()
  session = await node.open(device)
  stop = () => {
    server.closeAllConnections()
    server.close()
  }
})

afterAll(async () => {
  for (const socket of atDevice) socket.terminate()
  await node.stop()
  stop()
})

type Options = { readonly origin?: string; readonly cookie?: string; readonly protocols?: string[] }

function dial({ host, cookie }: Session, path: string, options: Options = {}): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${node.parts.port}${path}`, options.protocols ?? [], {
    origin: options.origin ?? `http://${host}`,
    headers: { host, cookie: options.cookie ?? cookie },
  })
}

/** What the handshake is answered with instead of a 101. */
async function answerTo(socket: WebSocket): Promise<IncomingMessage> {
  socket.on('error', () => undefined)
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  return answer
}

async function refusal(socket: WebSocket): Promise<number | undefined> {
  const { statusCode } = await answerTo(socket)
  socket.terminate()
  return statusCode
}

async function nextMessage(socket: WebSocket): Promise<[Buffer, boolean]> {
  const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean]
  return [data, isBinary]
}

test('messages keep their bounds, kind and order in both directions, the first one included', async () => {
  const socket = dial(session, '/ws')
  expect(String((await nextMessage(socket))[0])).toBe('welcome')
  const big = Buffer.alloc(300_000, 7)
  for (const [data, isBinary] of [
    ['olá', false],
    [Buffer.from([0, 255]), true],
    ['', false],
    [big, true],
  ] as const) {
    socket.send(data, { binary: isBinary })
    const [back, kind] = await nextMessage(socket)
    expect([back.equals(Buffer.from(data)), kind]).toEqual([true, isBinary])
  }
  socket.close(3001, 'tchau')
  await once(socket, 'close')
  await expect.poll(() => closed).toContain(3001)
})

test('the protocol is the one that the device chose, not the first that was offered', async () => {
  const chosen = dial(session, '/ws', { protocols: ['other', 'mqtt'] })
  await once(chosen, 'open')
  expect(chosen.protocol).toBe('mqtt')
  chosen.close()
  const plain = dial(session, '/ws')
  await once(plain, 'open')
  expect(plain.protocol).toBe('')
  plain.close()
})

test.each([
  ['of another site', 'https://evil.example'],
  ['null', 'null'],
  ['of another session', `http://${newId()}.remote.localhost:8002`],
  ['with something appended', `http://x.remote.localhost.evil.example`],
])('a handshake with an origin %s is refused (THREATS U7)', async (_what, origin) => {
  expect(await refusal(dial(session, '/ws', { origin }))).toBe(403)
})

test('a handshake without the session’s cookie is refused (THREATS U2, U7)', async () => {
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
    const before = refused.size
    expect(await refusal(dial(session, path))).toBe(502)
    await expect.poll(() => refused.size).toBe(before)
  },
)

test('a WebSocket is in the log before its 101, and its frames are counted at the end', async () => {
  const opened = await node.open(device)
  const socket = dial(opened, '/ws?token=canary')
  await once(socket, 'open')
  const [begun] = (await node.factsOf(opened.id)).slice(-1)
  expect(begun).toMatchObject({ type: 'WebSocketOpened', data: { path: '/ws?token=[redacted]' } })
  socket.send('abc')
  await expect.poll(() => heard).toContain('abc')
  socket.close(1000)
  const facts = await node.factsOf(opened.id, 'WebSocketClosed')
  expect(facts.at(-1)?.data).toMatchObject({ code: 1000, framesIn: 1, framesOut: 2, bytesIn: 3 })
})

test('a device that closes closes the browser’s socket with the same code and reason', async () => {
  const socket = dial(session, '/ws')
  await nextMessage(socket)
  atDevice.at(-1)?.close(4001, 'reboot')
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  expect([code, String(reason)]).toEqual([4001, 'reboot'])
})

test('a device that breaks off, or does not speak the protocol, ends the browser’s socket and nothing else', async () => {
  for (const breakOff of [
    (socket: WebSocket) => socket.terminate(),
    (socket: WebSocket) => Reflect.get(socket, '_socket').write(Buffer.from([0xff, 0xff, 0xff])),
  ]) {
    const socket = dial(session, '/ws')
    await nextMessage(socket)
    const one = atDevice.at(-1)
    if (one) breakOff(one)
    const [code] = (await once(socket, 'close')) as [number]
    expect(code).toBe(1011)
  }
})

test('a browser that breaks off ends the device’s socket', async () => {
  const socket = dial(session, '/ws')
  await nextMessage(socket)
  const one = atDevice.at(-1)
  socket.terminate()
  if (one && one.readyState !== WebSocket.CLOSED) await once(one, 'close')
  expect(one?.readyState).toBe(WebSocket.CLOSED)
})

test('a browser that leaves while the device is still thinking leaves nothing behind', async () => {
  const opened = await node.open(device)
  const socket = dial(opened, '/silent')
  socket.on('error', () => undefined)
  await node.factsOf(opened.id, 'WebSocketOpened')
  socket.terminate()
  const facts = await node.factsOf(opened.id, 'WebSocketClosed')
  expect(facts.at(-1)?.type).toBe('WebSocketClosed')
  expect(node.parts.sessions.find(opened.id)?.cuts.size).toBe(0)
})

test('at the end of the session sockets are cut at once, counted, and nothing passes any more (THREATS U7, F6)', async () => {
  const opened = await node.open(device)
  const socket = dial(opened, '/ws')
  await nextMessage(socket)
  const end = once(socket, 'close') as Promise<[number]>
  const ending = node.parts.sessions.end(opened.id, 'SessionClosed', { reason: 'user' })
  socket.send('too late')
  const [code] = await end
  await ending
  expect(code).toBe(1001)
  const facts = await node.factsOf(opened.id, 'SessionClosed')
  expect(facts.slice(-2)).toMatchObject([
    { type: 'WebSocketClosed', data: { code: 1001, framesOut: 1 } },
    { type: 'SessionClosed', data: { totals: { requests: 1, bytesIn: 0, bytesOut: 7 } } },
  ])
  expect(heard).not.toContain('too late')
})

test('of a browser that sends faster than the device takes, one read waits at the node and no more', async () => {
  const total = 60_000
  const most = await new Promise<number>((resolve) => {
    let [waiting, most, taken] = [0, 0, 0]
    let before = Promise.resolve()
    const slow: DeviceSocket = {
      ...{ protocol: '', onMessage: () => undefined, onClose: () => undefined },
      ...{ close: () => undefined, cut: () => undefined },
      send() {
        waiting += 1
        most = Math.max(most, waiting)
        before = before
          .then(() => setImmediate())
          .then(() => {
            waiting -= 1
            taken += 1
            if (taken === total) resolve(most)
          })
        return before
      },
    }
    const record = { request: { add: () => undefined }, closed: () => undefined }
    const server = createServer().on('upgrade', (request, socket, head) =>
      joinWebSocket({ request, socket, head }, slow, record as never),
    )
    server.listen(0, '127.0.0.1', () => {
      const browser = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
      onTestFinished(() => {
        browser.terminate()
        server.close()
      })
      browser.on('open', () => {
        for (let n = 0; n < total; n += 1) browser.send('x')
      })
    })
  })
  // A message of one byte takes seven on the wire, a read 64 KiB.
  expect(most).toBeLessThan(15_000)
})

test.each([
  [1000, 1000],
  [1001, 1001],
  [1004, 1011],
  [1005, 1000],
  [1006, 1011],
  [1014, 1014],
  [1015, 1011],
  [0, 1011],
  [2999, 1011],
  [3000, 3000],
  [4999, 4999],
  [5000, 1011],
])('close code %i is passed on as %i [RFC 6455 7.4.1]', (code, sent) => {
  expect(sendable(code)).toBe(sent)
})
