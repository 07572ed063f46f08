/**
 * The gateway from outside: the demo's devices and one of the test's own, through broker and agent, with the
 * cookies, bodies, streams and refusals that a browser meets (DESIGN 7, THREATS U, P).
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { Api, deviceNamed, factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { type Echo, OwnDevice, pattern, startRawDevice } from '../rig/own-device.ts'
import { enterSession, fetchPage, openPage, type Page, type PageRequest } from '../rig/pages.ts'
import { type Stack, startStack } from '../rig/stack.ts'

type Entered = Awaited<ReturnType<typeof enterSession>>

const device = new OwnDevice()
let stack: Stack
let manager: Api
let auditor: Api
let agent: OwnAgent
let own: Item
let session: Entered
/** Opened first with the shortest life there is, so that its end comes while the others run. */
let brief: Entered & { readonly opened: number; readonly ended: Promise<number> }

beforeAll(async () => {
  stack = await startStack()
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  auditor = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
  agent = await startOwnAgent(stack, manager, 'Oficina')
  own = await registered('Próprio', await device.start())
  const opened = Date.now()
  const entered = await enterSession(manager, own.id, { ttlSeconds: 30 })
  const stream = await openPage(`${entered.base}/endless`, { headers: { cookie: entered.cookie } })
  const ended = new Promise<number>((done) => stream.once('close', () => done(Date.now())))
  stream.on('error', () => undefined).resume()
  brief = { ...entered, opened, ended }
  session = await enterSession(manager, own.id, { reason: 'testes' })
})

afterAll(async () => {
  agent?.process.kill('SIGKILL')
  await device.stop()
  await stack?.stop()
})

async function registered(name: string, baseUrl: string, fields = {}): Promise<Item> {
  return registerDevice(manager, agent.installationId, { name, baseUrl, ...fields })
}

function inside(path: string, options: PageRequest = {}, at: Entered = session): Promise<Page> {
  const headers = { cookie: at.cookie, ...options.headers }
  return fetchPage(at.base + path, { ...options, headers })
}

async function echoed(path: string, options: PageRequest = {}, at?: Entered): Promise<Echo> {
  return JSON.parse((await inside(path, options, at)).body) as Echo
}

function answering(fields: ReadonlyArray<readonly [string, string]>, at?: Entered): Promise<Page> {
  return inside(
    `/answer?${new URLSearchParams(fields.map(([name, value]): [string, string] => [name, value]))}`,
    {},
    at,
  )
}

const asDocument = { headers: { accept: 'text/html', 'sec-fetch-dest': 'document' } }

test('a ticket opens its session once; the second use is 410 and sets no cookie', async () => {
  const { body } = await manager.call<{ url: string }>('POST', `/api/devices/${own.id}/sessions`)
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
  const other = await enterSession(manager, own.id)
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

test('a redirect to the device itself stays in the session; one to another host becomes a page', async () => {
  const to = async (location: string) =>
    (
      await answering([
        ['status', '302'],
        ['location', location],
      ])
    ).headers['location']
  expect(await to(`${String(own['baseUrl'])}/login?next=%2F`)).toBe('/login?next=%2F')
  expect(await to('/login')).toBe('/login')
  const away = await to('http://example.com/phish')
  expect(away).toMatch(/^\/__travessia\/leave\?to=/)
  const page = await inside(String(away))
  expect(page.status).toBe(200)
  expect(page.body).toContain('href="http://example.com/phish"')
})

test('a device cookie becomes host-only and comes back; the session’s own name never passes either way', async () => {
  const page = await answering([
    ['set-cookie', 'sid=1; Domain=remote.localhost; Path=/app; HttpOnly'],
    ['set-cookie', '__Host-travessia-session=stolen; Path=/'],
    ['set-cookie', '__HOST-Travessia=stolen; Path=/'],
  ])
  expect(page.headers['set-cookie']).toEqual(['sid=1; Path=/app; HttpOnly'])
  const { headers } = await echoed('/echo', {
    headers: { cookie: `a=1; ${session.cookie}; sid=1` },
  })
  expect(headers['cookie']).toBe('a=1; sid=1')
})

test('a multipart upload arrives byte for byte', async () => {
  const boundary = 'x-boundary'
  const body = Buffer.concat([
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="f"; filename="ção.bin"\r\n\r\n`,
    ),
    pattern(300_001),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ])
  const type = `multipart/form-data; boundary=${boundary}`
  const seen = await echoed('/echo', { method: 'POST', headers: { 'content-type': type }, body })
  expect(seen.headers['content-type']).toBe(type)
  expect([seen.method, seen.bytes, seen.digest]).toEqual(['POST', body.length, digestOf(body)])
})

test('Basic authorization reaches the device and no log; our own Bearer token does not reach it', async () => {
  expect((await inside('/basic')).status).toBe(401)
  const secret = Buffer.from('admin:canary-basic').toString('base64')
  const seen = await echoed('/basic', { headers: { authorization: `Basic ${secret}` } })
  expect(seen.headers['authorization']).toBe(`Basic ${secret}`)
  const bearer = await echoed('/echo', { headers: { authorization: `Bearer ${manager.token}` } })
  expect(bearer.headers['authorization']).toBeUndefined()
  const facts = JSON.stringify(await factsOf(auditor, `&sessionId=${session.sessionId}`))
  const log = readFileSync(join(stack.dataDir, 'demo/node.log'), 'utf8')
  expect(facts).toContain('/basic')
  expect(facts + log).not.toContain(secret)
})

test('the device sees its own address as Host, Origin and Referer, and no hop-by-hop or forwarding header', async () => {
  const { headers } = await echoed('/echo', {
    method: 'POST',
    headers: {
      ...{
        origin: session.base,
        referer: `${session.base}/page?x=1`,
        'x-forwarded-for': '1.2.3.4',
      },
      ...{
        forwarded: 'for=1.2.3.4',
        'x-hop': '1',
        connection: 'close, x-hop, host',
        te: 'trailers',
      },
    },
  })
  const address = String(own['baseUrl'])
  expect(headers).toMatchObject({ origin: address, referer: `${address}/page?x=1` })
  expect(headers['host']).toBe(new URL(address).host)
  for (const name of ['x-forwarded-for', 'forwarded', 'x-hop', 'te'])
    expect(headers[name]).toBeUndefined()
})

test('the answer keeps the device’s policy and ETag, and loses what would outlive or widen the session', async () => {
  const { headers } = await answering([
    ...([
      ['strict-transport-security', 'max-age=1'],
      ['alt-svc', 'h3=":1"'],
      ['nel', '{}'],
    ] as const),
    ...([
      ['access-control-allow-origin', '*'],
      ['service-worker-allowed', '/'],
    ] as const),
    ...([
      ['clear-site-data', '"*"'],
      ['cache-control', 'public, max-age=60'],
    ] as const),
    ...([
      ['etag', '"1"'],
      ['content-security-policy', "script-src 'self'"],
    ] as const),
  ])
  const gone = ['strict-transport-security', 'alt-svc', 'nel', 'access-control-allow-origin']
  for (const name of [...gone, 'service-worker-allowed', 'clear-site-data'])
    expect(headers[name]).toBeUndefined()
  expect(headers).toMatchObject({ etag: '"1"', 'cache-control': 'private, max-age=60' })
  expect(headers['content-security-policy']).toBe("script-src 'self', frame-ancestors 'self'")
})

test('a conditional request passes and its 304 comes back without a body', async () => {
  const page = await inside('/answer?status=304&etag=%221%22', {
    headers: { 'if-none-match': '"1"' },
  })
  expect([page.status, page.body]).toEqual([304, ''])
})

test('another site’s Origin is refused for writes; null passes only from the session’s own pages', async () => {
  const post = (headers: Record<string, string>) => inside('/echo', { method: 'POST', headers })
  for (const origin of ['http://evil.example', stack.httpUrl, `${session.base}.evil.example`])
    expect((await post({ origin })).headers['x-travessia-error']).toBe('ORIGIN_REFUSED')
  expect((await post({ origin: 'null' })).status).toBe(403)
  expect((await post({ origin: 'null', 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  expect((await post({ 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  expect((await post({ origin: 'null', 'sec-fetch-site': 'same-origin' })).status).toBe(200)
  expect((await post({ origin: session.base })).status).toBe(200)
})

test('a device page cannot register a service worker', async () => {
  const page = await inside('/sw.js', { headers: { 'service-worker': 'script' } })
  expect([page.status, device.seen.includes('/sw.js')]).toEqual([404, false])
})

test('a body of 20 MB passes in both directions, and the audit holds its digest', async () => {
  const count = 20_000_000
  const sent = pattern(count)
  const up = await echoed('/echo?big', { method: 'PUT', body: sent })
  expect([up.bytes, up.digest]).toEqual([count, digestOf(sent)])
  const down = await openPage(`${session.base}/bytes?count=${count}`, {
    headers: { cookie: session.cookie },
  })
  const hash = createHash('sha256')
  for await (const chunk of down) hash.update(chunk as Buffer)
  expect(`sha256:${hash.digest('hex')}`).toBe(digestOf(sent))
  const bodies = await eventually(async () => {
    const facts = await factsOf(
      auditor,
      `&sessionId=${session.sessionId}&type=HttpResponseReceived`,
    )
    const found = facts.flatMap(({ data }) => [data['requestBody'], data['responseBody']])
    const big = found.filter((body) => (body as { bytes: number }).bytes === count)
    return big.length === 2 && big
  })
  for (const body of bodies) expect(body).toEqual({ bytes: count, digest: digestOf(sent) })
})

test('events and an endless stream arrive while the device still sends', async () => {
  for (const path of ['/events', '/endless']) {
    const stream = await openPage(session.base + path, { headers: { cookie: session.cookie } })
    let pieces = 0
    for await (const _chunk of stream) {
      pieces += 1
      if (pieces === 3) break
    }
    expect(pieces).toBe(3)
  }
})

test('a browser that goes away closes the device’s socket within 2 s', async () => {
  const path = '/endless?aborted'
  const stream = await openPage(session.base + path, { headers: { cookie: session.cookie } })
  stream.on('error', () => undefined)
  expect(device.streaming.has(path)).toBe(true)
  stream.destroy()
  await eventually(async () => !device.streaming.has(path), { withinMs: 2_000 })
})

test('an unreachable device is 502, a slow one 504, one that breaks HTTP 502', async () => {
  const gone = new OwnDevice()
  const address = await gone.start()
  await gone.stop()
  const splitting = await startRawDevice('HTTP/1.1 200 OK\r\nx-a: 1\rset-cookie: b=1\r\n\r\n')
  const slow = { timeouts: { firstByteMs: 400 } }
  const [unreachable, silent, limited, broken] = await Promise.all([
    registered('Desligado', address),
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
    const page = await inside(path, {}, await enterSession(manager, item.id))
    expect([page.status, page.headers['x-travessia-error']]).toEqual([status, code])
    expect(page.headers['set-cookie']).toBeUndefined()
  }
  await splitting.stop()
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
  const { sockets } = device
  for (const origin of ['http://evil.example', 'null', `${session.base}.evil.example`, undefined])
    expect(await refusal(webSocket('/ws', { origin }))).toBe(403)
  expect(await refusal(webSocket('/ws', { cookie: 'a=1' }))).toBe(403)
  expect([device.seen.length, device.sockets]).toEqual([before, sockets])
})

test('ending a session cuts its streams and sockets at once, and its address is 404 afterwards', async () => {
  const ending = await enterSession(manager, own.id)
  const stream = await openPage(`${ending.base}/endless`, { headers: { cookie: ending.cookie } })
  stream.on('error', () => undefined).resume()
  const cut = new Promise((done) => stream.once('close', done))
  const socket = webSocket('/ws', { at: ending })
  await once(socket, 'open')
  const closed = once(socket, 'close')
  expect((await manager.call('DELETE', `/api/sessions/${ending.sessionId}`)).status).toBe(204)
  await within(2_000, Promise.all([cut, closed]))
  const page = await inside('/echo', asDocument, ending)
  expect([page.status, page.headers['clear-site-data']]).toEqual([
    404,
    expect.stringContaining('"storage", "cache"'),
  ])
  const facts = await factsOf(auditor, `&sessionId=${ending.sessionId}`)
  expect(facts.find(({ type }) => type === 'SessionClosed')?.data['reason']).toBe('user')
})

test('a session can be extended, and two sessions of one device live side by side', async () => {
  const second = await enterSession(manager, own.id, { ttlSeconds: 60 })
  const extended = await manager.call<{ expiresAt: string }>(
    ...(['POST', `/api/sessions/${second.sessionId}/extend`, { ttlSeconds: 600 }] as const),
  )
  expect(extended.status).toBe(200)
  expect(Date.parse(extended.body.expiresAt)).toBeGreaterThan(Date.now() + 500_000)
  expect((await inside('/echo', {}, second)).status).toBe(200)
  expect((await inside('/echo')).status).toBe(200)
  const most = { ttlSeconds: 14_400 }
  const path = `/api/sessions/${second.sessionId}/extend`
  expect((await manager.call('POST', path, most)).status).toBe(200)
  expect((await manager.call('POST', path, most)).body).toMatchObject({ code: 'SESSION_LIMIT' })
})

test('further ports of a device are under its session; an unregistered port is refused', async () => {
  const system = await deviceNamed(manager, 'Sistema local')
  const at = await enterSession(manager, system.id)
  const [api] = system['targets'] as Array<{ port: number }>
  const status = await inside(`/__travessia/port/${api?.port}/status`, {}, at)
  expect([status.status, JSON.parse(status.body).orders]).toEqual([200, 12])
  const forbidden = await inside('/__travessia/port/22/', {}, at)
  expect(forbidden.headers['x-travessia-error']).toBe('TARGET_FORBIDDEN')
  const reserved = await inside('/__travessia/else', {}, at)
  expect(reserved.status).toBe(404)
})

test('path mode: addresses, cookies and the page’s own base stay under the session’s path', async () => {
  const at = await enterSession(manager, own.id, { mode: 'path' })
  const prefix = `/remote/s/${at.sessionId}`
  expect(new URL(at.base).pathname).toBe(prefix)
  const redirect = await answering(
    [
      ['status', '302'],
      ['location', '/login'],
    ],
    at,
  )
  expect(redirect.headers['location']).toBe(`${prefix}/login`)
  const cookies = await answering(
    [
      ['set-cookie', 'a=1; Path=/app'],
      ['set-cookie', 'b=2'],
      ['set-cookie', 'jar=3; HttpOnly'],
    ],
    at,
  )
  expect(cookies.headers['set-cookie']).toEqual([
    `${at.sessionId}-a=1; Path=${prefix}/app`,
    `${at.sessionId}-b=2; Path=${prefix}/`,
  ])
  expect((await echoed('/echo', {}, at)).headers['cookie']).toBe('jar=3')
  const html = `<base href="/ui/"><a href="/x">á</a><img src="y.png"><form action="/z"></form>`
  const page = await inside(`/page?html=${encodeURIComponent(html)}`, asDocument, at)
  expect(page.body).toBe(
    `<script src="${at.base}/__travessia/shim.js"></script><base href="${prefix}/ui/"><a href="${prefix}/x">á</a><img src="y.png"><form action="${prefix}/z"></form>`,
  )
  expect(page.headers['cache-control']).toBe('no-store')
  const asHost = session.base.replace(session.sessionId, at.sessionId)
  expect((await fetchPage(asHost, { headers: { cookie: at.cookie } })).status).toBe(404)
})

test('a session path on the app’s own port answers 302 to the remote host', async () => {
  const path = `/remote/s/${session.sessionId}/x`
  const { status, headers } = await manager.call('GET', path)
  expect([status, headers.get('location')]).toEqual([302, stack.remoteUrl + path])
})

test('the simulated turnstile’s page works through the session as on its network', async () => {
  const turnstile = await deviceNamed(manager, 'Catraca Entrada')
  const at = await enterSession(manager, turnstile.id)
  const login = await inside(
    '/login.fcgi',
    {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: at.base },
      body: JSON.stringify({ login: 'admin', password: 'admin' }),
    },
    at,
  )
  const { session: key } = JSON.parse(login.body) as { session: string }
  const opened = await inside(
    '/load_objects.fcgi',
    {
      method: 'POST',
      headers: { cookie: `${at.cookie}; session=${key}`, 'content-type': 'application/json' },
      body: '{"object":"access_logs"}',
    },
    at,
  )
  expect(JSON.parse(opened.body)).toHaveProperty('access_logs')
  const wrong = await inside('/load_objects.fcgi', { method: 'POST', body: '{}' }, at)
  expect(wrong.status).toBe(401)
})

test('a session that is over after its 30 s is cut with its stream, and the log says why', async () => {
  const endedAt = await within(45_000, brief.ended)
  expect(endedAt - brief.opened).toBeGreaterThan(28_000)
  expect(endedAt - brief.opened).toBeLessThan(33_000)
  expect((await inside('/echo', {}, brief)).status).toBe(404)
  const expired = await eventually(async () =>
    (await factsOf(auditor, `&sessionId=${brief.sessionId}&type=SessionExpired`)).at(-1),
  )
  expect(expired.data['reason']).toBe('expiry')
  const extend = await manager.call('POST', `/api/sessions/${brief.sessionId}/extend`)
  expect([extend.status, extend.body['code']]).toEqual([404, 'SESSION_ENDED'])
})

test('an agent that is offline makes a session’s pages 503 at once and a new session impossible', async () => {
  await agent.stop()
  const begun = Date.now()
  const page = await inside('/echo', asDocument)
  expect([page.status, page.headers['x-travessia-error']]).toEqual([503, 'AGENT_OFFLINE'])
  expect(page.headers['retry-after']).toBeDefined()
  expect(page.body).toContain('<html lang="pt-BR">')
  const refused = await manager.call('POST', `/api/devices/${own.id}/sessions`)
  expect([refused.status, refused.body['code']]).toEqual([503, 'AGENT_OFFLINE'])
  expect(Date.now() - begun).toBeLessThan(2_000)
  const denied = (await factsOf(auditor, `&deviceId=${own.id}&type=SessionDenied`)).at(-1)
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

async function once(socket: WebSocket, event: 'open' | 'close'): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    socket.once(event, (...args: unknown[]) => resolve(args))
    socket.once('error', reject)
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
