/** What WebSockets of devices do, through a real node and a real agent, with `ws` at both ends. */
import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { factsOf } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { listen } from '../rig/own-device.ts'
import { enterSession } from '../rig/pages.ts'
import { digestOf } from '../rig/scripted-device.ts'
import type { Entered } from '../rig/session-client.ts'
import { once } from '../rig/session-client.ts'
import { nothingLeft, type OwnSite, startOwnSite } from './own-site.ts'

const chosen = new Map([
  ['/chooses', 'second'],
  ['/invents', 'never-offered'],
])
/** What was answered on connections that are closed again. */
const refused: string[] = []
/** The device would compress, if anyone let it. */
const device = new WebSocketServer({
  noServer: true,
  perMessageDeflate: true,
  handleProtocols: (_offered, { url = '' }) => chosen.get(url) ?? false,
})
const server = createServer()
server.on('upgrade', (request, socket, head) => {
  const refusal = /^\/refuse\/(\d+)$/.exec(request.url ?? '')?.[1]
  if (refusal) {
    const headers = 'WWW-Authenticate: Basic realm="device"\r\nContent-Length: 9'
    // A device may well keep the connection.
    socket.write(`HTTP/1.1 ${refusal} No\r\n${headers}\r\n\r\nnot today`)
    socket.once('end', () => socket.end()).resume()
    socket.once('close', () => refused.push(refusal))
    return
  }
  device.handleUpgrade(request, socket, head, (opened) =>
    device.emit('connection', opened, request),
  )
})

type Joined = {
  readonly browser: WebSocket
  readonly atDevice: WebSocket
  readonly request: IncomingMessage
}

let site: OwnSite
let session: Entered

beforeAll(async () => {
  site = await startOwnSite({ baseUrl: await listen(server) })
  session = await enterSession(site.node.admin, site.deviceId)
})

afterAll(async () => {
  for (const socket of device.clients) socket.terminate()
  server.close()
  await site?.stop()
})

function browserAt(path: string, protocols: string[] = []): WebSocket {
  const { host, port } = new URL(session.base)
  const headers = { host, cookie: session.cookie, origin: session.base }
  return new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers })
}

/** Open at both ends. */
async function join(path = '/', protocols: string[] = []): Promise<Joined> {
  const accepted = new Promise<[WebSocket, IncomingMessage]>((resolve) => {
    device.once('connection', (...ends) => resolve(ends))
  })
  const browser = browserAt(path, protocols)
  await once(browser, 'open')
  const [atDevice, request] = await accepted
  return { browser, atDevice, request }
}

/** The next so many messages: text as text, binary as bytes. */
function messages(socket: WebSocket, count: number): Promise<Array<string | Buffer>> {
  const got: Array<string | Buffer> = []
  return new Promise((resolve) => {
    socket.on('message', (data: Buffer, isBinary) => {
      got.push(isBinary ? data : String(data))
      if (got.length === count) resolve(got)
    })
  })
}

/** Its kind, too. */
function digest(message: string | Buffer): string {
  return `${typeof message} ${digestOf([Buffer.from(message)])}`
}

async function closeOf(socket: WebSocket): Promise<[number, string]> {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  return [code, String(reason)]
}

test.each([
  ['/chooses', ['first', 'second'], 'second'],
  ['/chooses-none', [], ''],
] as const)('at %s, offered %j, the protocol is %j', async (path, offered, protocol) => {
  const { browser } = await join(path, [...offered])
  expect(browser.protocol).toBe(protocol)
  browser.terminate()
})

test.each([
  ['/invents', 'another than those that were offered'],
  ['/chooses-none', 'none of those that were offered'],
])(
  'a device at %s that chooses %s fails closed, as at a browser: no socket is opened',
  async (path) => {
    const browser = browserAt(path, ['first', 'second'])
    const [, answer] = (await once(browser, 'unexpected-response')) as [unknown, IncomingMessage]
    expect([answer.statusCode, answer.headers['x-travessia-error']]).toEqual([
      502,
      'DEVICE_PROTOCOL',
    ])
  },
)

test('compression is offered to neither end, whatever they would like', async () => {
  const { browser, request } = await join()
  expect(request.headers['sec-websocket-extensions']).toBeUndefined()
  expect(browser.extensions).toBe('')
  browser.terminate()
})

test('text and binary, empty ones and 1 MiB, keep their kind and bounds in both directions at once', async () => {
  const { browser, atDevice } = await join()
  const sent = ['', Buffer.alloc(0), 'olá', Buffer.alloc(1024 * 1024, 'x'), 'ç'.repeat(512 * 1024)]
  for (const message of sent) {
    const arrived = [messages(browser, 1), messages(atDevice, 1)]
    browser.send(message)
    atDevice.send(message)
    for (const got of await Promise.all(arrived)) expect(got).toEqual([message])
  }
  browser.terminate()
})

test('205 messages each way at once, some of 1 MiB, all arrive, in their order', async () => {
  const { browser, atDevice } = await join()
  const sentBy = (end: string) =>
    Array.from({ length: 205 }, (_, n) =>
      n % 41 === 0 ? Buffer.alloc(1024 * 1024, `${end} ${n};`) : `${end} ${n}`,
    )
  const [fromBrowser, fromDevice] = [sentBy('browser'), sentBy('device')]
  const arrived = [messages(atDevice, 205), messages(browser, 205)]
  for (const [n, message] of fromBrowser.entries()) {
    browser.send(message)
    atDevice.send(fromDevice[n] as string | Buffer)
  }
  const [toDevice, toBrowser] = (await Promise.all(arrived)).map((all) => all.map(digest))
  expect(toDevice).toEqual(fromBrowser.map(digest))
  expect(toBrowser).toEqual(fromDevice.map(digest))
  browser.terminate()
})

test('a message that the device sends in fragments, a ping among them, arrives as one', async () => {
  const { browser, atDevice } = await join()
  const arrived = messages(browser, 2)
  const answered = once(atDevice, 'pong')
  atDevice.send('in ', { fin: false })
  atDevice.ping('still there?')
  atDevice.send('pieces', { fin: true })
  atDevice.send('next')
  expect(await arrived).toEqual(['in pieces', 'next'])
  expect(String((await answered)[0])).toBe('still there?')
  browser.terminate()
})

test('a ping of the browser is answered', async () => {
  const { browser } = await join()
  const answered = once(browser, 'pong')
  browser.ping('still there?')
  expect(String((await answered)[0])).toBe('still there?')
  browser.terminate()
})

const codes = [1000, 1001, 1008, 3000, 4321, 4999]

test.each(codes)('a close with %i arrives with its reason, from either end', async (code) => {
  for (const from of ['browser', 'atDevice'] as const) {
    const joined = await join()
    const other = from === 'browser' ? joined.atDevice : joined.browser
    const closed = closeOf(other)
    joined[from].close(code, 'até já')
    expect(await closed, from).toEqual([code, 'até já'])
  }
})

test.each([
  ['without a code', (socket: WebSocket) => socket.close(), 1000],
  ['by a broken connection', (socket: WebSocket) => socket.terminate(), 1011],
] as const)('an end %s is %s at the other end', async (_, end, code) => {
  for (const from of ['browser', 'atDevice'] as const) {
    const joined = await join()
    const closed = closeOf(from === 'browser' ? joined.atDevice : joined.browser)
    end(joined[from])
    expect((await closed)[0], from).toBe(code)
  }
})

test('what was sent before a close arrives before it', async () => {
  const { browser, atDevice } = await join()
  const arrived = messages(browser, 3)
  const closed = closeOf(browser)
  for (const message of ['one', Buffer.alloc(600_000), 'three']) atDevice.send(message)
  atDevice.close(4000)
  expect(await arrived).toEqual(['one', Buffer.alloc(600_000), 'three'])
  expect(await closed).toEqual([4000, ''])
})

test.each([401, 403, 404, 200])(
  'a device that refuses with %i answers the browser itself',
  async (status) => {
    const browser = browserAt(`/refuse/${status}`)
    const [, answer] = (await once(browser, 'unexpected-response')) as [unknown, IncomingMessage]
    expect([answer.statusCode, await text(answer)]).toEqual([status, 'not today'])
    expect(answer.headers['www-authenticate']).toBe('Basic realm="device"')
    await eventually(async () => refused.includes(String(status)), {
      what: 'the close at the device',
    })
    const ofSession = `&sessionId=${session.sessionId}&type=HttpResponseReceived`
    await expect
      .poll(async () => (await factsOf(site.node.admin, ofSession)).at(-1)?.data['status'])
      .toBe(status)
  },
)

test('after all of them neither node nor agent holds a stream', async () => {
  await nothingLeft(site)
})
