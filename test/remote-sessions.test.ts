/** How a remote session begins, lives and ends: its ticket and cookie, its sockets and its time, and what is said where there is nothing to see. */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { freePort } from '../rig/free-port.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { OwnDevice, pattern, startRawDevice } from '../rig/own-device.ts'
import { enterSession, fetchPage, openPage, type Page, type PageRequest } from '../rig/pages.ts'
import { type Entered, once } from '../rig/session-client.ts'
import { type BareNode, startBareNode } from './bare-node.ts'

const device = new OwnDevice()
let node: BareNode
let agent: OwnAgent
let own: Item
let session: Entered
/** Opened first with the shortest life there is, so that its end comes while the others run. */
let brief: Entered & { readonly opened: number; readonly ended: Promise<number> }

beforeAll(async () => {
  node = await startBareNode()
  agent = await startOwnAgent(node, node.admin, 'Oficina')
  own = await registered('Próprio', await device.start())
  const opened = Date.now()
  const entered = await enterSession(node.admin, own.id, { ttlSeconds: 30 })
  const stream = await openPage(`${entered.base}/endless`, { headers: { cookie: entered.cookie } })
  const ended = new Promise<number>((done) => stream.once('close', () => done(Date.now())))
  stream.on('error', () => undefined).resume()
  brief = { ...entered, opened, ended }
  session = await enterSession(node.admin, own.id, { reason: 'testes' })
})

afterAll(async () => {
  agent?.process.kill('SIGKILL')
  await device.stop()
  await node?.stop()
})

async function registered(name: string, baseUrl: string, fields = {}): Promise<Item> {
  return registerDevice(node.admin, agent.installationId, { name, baseUrl, ...fields })
}

function inside(path: string, options: PageRequest = {}, at: Entered = session): Promise<Page> {
  const headers = { cookie: at.cookie, ...options.headers }
  return fetchPage(at.base + path, { ...options, headers })
}

const asDocument = { headers: { accept: 'text/html', 'sec-fetch-dest': 'document' } }

test('a ticket opens its session once; the second use is 410 and sets no cookie', async () => {
  const { body } = await node.admin.call<{ url: string }>('POST', `/api/devices/${own.id}/sessions`)
  const first = await fetchPage(body.url)
  expect(first.status).toBe(303)
  expect(first.headers['set-cookie']).toEqual([
    expect.stringMatching(
      /^__Host-travessia-session=[\w-]{43}; Path=\/; (Secure; HttpOnly|HttpOnly; Secure); SameSite=Lax/,
    ),
  ])
  const second = await fetchPage(body.url)
  expect([second.status, second.headers['x-travessia-error']]).toEqual([410, 'TICKET_USED'])
  expect(second.headers['set-cookie']).toBeUndefined()
})

test('the session’s address without its cookie, or with another session’s cookie, is 403', async () => {
  const other = await enterSession(node.admin, own.id)
  const before = device.seen.length
  for (const cookie of ['', other.cookie, `${session.cookie}x`, 'session=1']) {
    const page = await inside('/echo', { headers: { cookie } })
    expect([page.status, page.headers['x-travessia-error']]).toEqual([
      403,
      'SESSION_COOKIE_MISSING',
    ])
  }
  expect(device.seen.length).toBe(before)
})

test('a session can be extended, and two sessions of one device live side by side', async () => {
  const second = await enterSession(node.admin, own.id, { ttlSeconds: 60 })
  const extended = await node.admin.call<{ expiresAt: string }>(
    ...(['POST', `/api/sessions/${second.sessionId}/extend`, { ttlSeconds: 600 }] as const),
  )
  expect(extended.status).toBe(200)
  expect(Date.parse(extended.body.expiresAt)).toBeGreaterThan(Date.now() + 500_000)
  expect((await inside('/echo', {}, second)).status).toBe(200)
  expect((await inside('/echo')).status).toBe(200)
  const most = { ttlSeconds: 14_400 }
  const path = `/api/sessions/${second.sessionId}/extend`
  expect((await node.admin.call('POST', path, most)).status).toBe(200)
  expect((await node.admin.call('POST', path, most)).body).toMatchObject({ code: 'SESSION_LIMIT' })
})

test('an extension that is asked for again with its Idempotency-Key is the same one', async () => {
  const { sessionId } = await enterSession(node.admin, own.id, { ttlSeconds: 60 })
  const path = `/api/sessions/${sessionId}/extend`
  const extend = async () =>
    (await node.admin.call('POST', path, undefined, { 'idempotency-key': 'again' })).body
  const [first, ...others] = await Promise.all([extend(), extend(), extend()])
  expect(Date.parse(String(first?.['expiresAt']))).toBeLessThan(Date.now() + 700_000)
  expect([...others, await extend()]).toEqual([first, first, first])
  const facts = await factsOf(node.admin, `&sessionId=${sessionId}&type=SessionExtended`)
  expect(facts).toHaveLength(1)
  const refused = await node.admin.call('POST', path, undefined, { 'idempotency-key': 'no key' })
  expect(refused.status).toBe(400)
})

test('ending a session cuts its streams and sockets at once, and its address is 404 afterwards', async () => {
  const ending = await enterSession(node.admin, own.id)
  const stream = await openPage(`${ending.base}/endless`, { headers: { cookie: ending.cookie } })
  stream.on('error', () => undefined).resume()
  const cut = new Promise((done) => stream.once('close', done))
  const socket = webSocket('/ws', { at: ending })
  await once(socket, 'open')
  const closed = once(socket, 'close')
  expect((await node.admin.call('DELETE', `/api/sessions/${ending.sessionId}`)).status).toBe(204)
  await within(10_000, Promise.all([cut, closed]))
  const page = await inside('/echo', asDocument, ending)
  expect([page.status, page.headers['clear-site-data']]).toEqual([
    404,
    expect.stringContaining('"storage", "cache"'),
  ])
  const facts = await factsOf(node.admin, `&sessionId=${ending.sessionId}`)
  expect(facts.find(({ type }) => type === 'SessionClosed')?.data['reason']).toBe('user')
})

test('a WebSocket carries text, binary and the chosen subprotocol, and closes with the device’s code', async () => {
  const socket = webSocket('/ws', { protocols: ['other', 'chosen'] })
  await once(socket, 'open')
  expect(socket.protocol).toBe('chosen')
  for (const message of ['olá', pattern(70_000)]) {
    const received = new Promise<[Buffer, boolean]>((done) =>
      socket.once('message', (data: Buffer, isBinary) => done([data, isBinary])),
    )
    socket.send(message)
    const [data, isBinary] = await received
    expect(isBinary).toBe(typeof message !== 'string')
    expect(digestOf(data)).toBe(digestOf(Buffer.from(message)))
  }
  socket.send('close 4321')
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  expect([code, String(reason)]).toEqual([4321, 'as you wish'])
})

test('a WebSocket from another origin, without one or without the cookie never reaches the device', async () => {
  const before = device.seen.length
  for (const origin of ['http://evil.example', 'null', `${session.base}.evil.example`, undefined])
    expect(await refusal(webSocket('/ws', { origin }))).toBe(403)
  expect(await refusal(webSocket('/ws', { cookie: 'a=1' }))).toBe(403)
  expect(device.seen.length).toBe(before)
})

test('a session path on the app’s own port answers 302 to the remote host', async () => {
  const path = `/remote/s/${session.sessionId}/x`
  const { status, headers } = await node.admin.call('GET', path)
  expect([status, headers.get('location')]).toEqual([302, node.remoteUrl + path])
})

test('a person gets a page with the code and what to do, a script gets problem details', async () => {
  const [host] = session.base.replace('http://', '').split('.')
  const unknown = session.base.replace(String(host), 'a'.repeat(26))
  const page = await fetchPage(unknown, {
    headers: { ...asDocument.headers, 'accept-language': 'en-GB' },
  })
  expect([page.status, page.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8'])
  expect(page.body).toContain('<html lang="en">')
  expect(page.body).toContain('SESSION_ENDED')
  expect(page.body).toContain('Open the device in Travessia again')
  const script = await fetchPage(unknown, { headers: { accept: 'application/json' } })
  expect(script.headers['content-type']).toBe('application/problem+json')
  expect(JSON.parse(script.body)).toMatchObject({ status: 404, code: 'SESSION_ENDED' })
})

test('an unreachable device is 502, a slow one 504, one that breaks HTTP 502', async () => {
  const splitting = await startRawDevice('HTTP/1.1 200 OK\r\nx-a: 1\rset-cookie: b=1\r\n\r\n')
  const slow = { timeouts: { firstByteMs: 400 } }
  const [unreachable, silent, limited, broken] = await Promise.all([
    registered('Desligado', `http://127.0.0.1:${await freePort()}`),
    registered('Lento', String(own['baseUrl']), slow),
    registered('Limitado', String(own['baseUrl']), { timeouts: { totalMs: 400 } }),
    registered('Quebrado', splitting.url),
  ])
  for (const [item, path, status, code] of [
    [unreachable, '/', 502, 'DEVICE_UNREACHABLE'],
    [silent, '/silent', 504, 'DEVICE_TIMEOUT'],
    [limited, '/silent', 504, 'DEVICE_TIME_LIMIT'],
    [broken, '/', 502, 'DEVICE_PROTOCOL'],
  ] as const) {
    const page = await inside(path, {}, await enterSession(node.admin, item.id))
    expect([page.status, page.headers['x-travessia-error']]).toEqual([status, code])
    expect(page.headers['set-cookie']).toBeUndefined()
  }
  await splitting.stop()
})

test('a session that is over after its 30 s is cut with its stream, and the log says why', async () => {
  const endedAt = await within(45_000, brief.ended)
  expect(endedAt - brief.opened).toBeGreaterThan(28_000)
  expect((await inside('/echo', {}, brief)).status).toBe(404)
  const expired = await eventually(async () =>
    (await factsOf(node.admin, `&sessionId=${brief.sessionId}&type=SessionExpired`)).at(-1),
  )
  expect(expired.data['reason']).toBe('expiry')
  const extend = await node.admin.call('POST', `/api/sessions/${brief.sessionId}/extend`)
  expect([extend.status, extend.body['code']]).toEqual([404, 'SESSION_ENDED'])
})

test('an agent that is offline makes a session’s pages 503 at once and a new session impossible', async () => {
  await agent.stop()
  const begun = Date.now()
  const page = await inside('/echo', asDocument)
  expect([page.status, page.headers['x-travessia-error']]).toEqual([503, 'AGENT_OFFLINE'])
  expect(page.headers['retry-after']).toBeDefined()
  expect(page.body).toContain('<html lang="pt-BR">')
  const refused = await node.admin.call('POST', `/api/devices/${own.id}/sessions`)
  expect([refused.status, refused.body['code']]).toEqual([503, 'AGENT_OFFLINE'])
  // Nobody waited for it to come back.
  expect(Date.now() - begun).toBeLessThan(4_000)
  const denied = (await factsOf(node.admin, `&deviceId=${own.id}&type=SessionDenied`)).at(-1)
  expect(denied?.data['errorCode']).toBe('AGENT_OFFLINE')
  await agent.run()
  await eventually(async () => (await inside('/echo')).status === 200)
})

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

type SocketOptions = {
  readonly at?: Entered
  readonly origin?: string | undefined
  readonly cookie?: string
  readonly protocols?: string[]
}

function webSocket(path: string, options: SocketOptions = {}): WebSocket {
  const { at = session, protocols = [] } = options
  const { host, port } = new URL(at.base)
  const origin = 'origin' in options ? options.origin : at.base
  return new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, {
    headers: {
      ...{ host, cookie: options.cookie ?? at.cookie },
      ...(origin === undefined ? {} : { origin }),
    },
  })
}

/** The status that a refused handshake was answered with. */
async function refusal(socket: WebSocket): Promise<number> {
  return new Promise((resolve) => {
    socket.once('unexpected-response', (_request, response) => {
      socket.on('error', () => undefined).terminate()
      resolve(response.statusCode ?? 0)
    })
    socket.once('open', () => resolve(101))
  })
}

async function within<T>(limitMs: number, wanted: Promise<T>): Promise<T> {
  const late = sleep(limitMs, undefined, { ref: false }).then(() => {
    throw new Error(`not within ${limitMs} ms`)
  })
  return Promise.race([wanted, late])
}
