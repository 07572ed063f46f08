import { once } from 'node:events'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync, gzipSync } from 'node:zlib'
import { errorText } from '@travessia/schemas/errors'
import { eventSchemas, type Fact } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DeviceRow } from '../views/devices.ts'
import { listen, type Session, startGateway, type TestGateway } from './test-gateway.ts'

let node: TestGateway
let deviceServer: Server
let deviceUrl = ''
let device: DeviceRow
let session: Session
/** Requests that reached the device, and connections of it that were cut. */
const reached: string[] = []
const cutOff: string[] = []

const pages: Readonly<Record<string, RequestListener>> = {
  async '/echo'(request, response) {
    const body = String(await buffer(request))
    const { method, url, rawHeaders } = request
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, url, rawHeaders, body }))
  },
  '/redirect': (request, response) => {
    const to = new URL(request.url ?? '', 'http://x').searchParams.get('to') ?? ''
    response.writeHead(302, { location: to }).end()
  },
  '/cookies': (_request, response) => {
    response.setHeader('set-cookie', [
      'sid=1; Path=/; Domain=device.example; HttpOnly',
      '__Host-travessia-session=stolen; Path=/; Secure',
    ])
    response.end()
  },
  '/short': (_request, response) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('only this')
    response.flushHeaders()
    setTimeout(() => response.destroy(), 50)
  },
  '/broken-chunks': (_request, response) => {
    response.write('only this')
    setTimeout(() => response.destroy(), 50)
  },
  '/gzip': (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/html' })
    response.end(gzipSync('<a href="/x">packed</a>'))
  },
  '/etag': (request, response) => {
    const isKnown = request.headers['if-none-match'] === '"1"'
    response.writeHead(isKnown ? 304 : 200, { etag: '"1"', 'cache-control': 'max-age=5' })
    response.end(isKnown ? undefined : 'body')
  },
  '/range': (_request, response) => {
    response.writeHead(206, { 'content-range': 'bytes 1-2/4', 'content-length': 2 }).end('bc')
  },
  '/none': (_request, response) => void response.writeHead(204).end(),
  '/hints': (_request, response) => {
    response.writeEarlyHints({ link: '</x.css>; rel=preload' })
    response.end('after hints')
  },
  '/stream': (request, response) => {
    response.write('first')
    response.on('close', () => cutOff.push(String(request.url)))
  },
  '/silent': (request, response) => {
    response.on('close', () => cutOff.push(String(request.url)))
  },
  '/early': (_request, response) => {
    response.writeHead(401, { 'content-type': 'text/plain' }).end('sign in first')
  },
  '/split': (_request, response) => {
    response.socket?.end('HTTP/1.1 200 OK\r\nX-A: b\rSet-Cookie: c=d\r\nContent-Length: 0\r\n\r\n')
  },
  '/two-lengths': (_request, response) => {
    response.socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab')
  },
  '/reset': ({ socket }) => {
    socket.write('HTTP/1.0 200 OK\r\n\r\nonly this', () =>
      setTimeout(() => socket.resetAndDestroy(), 20),
    )
  },
  '/no-http': (_request, response) => void response.socket?.end('SSH-2.0-dropbear\r\n'),
  '/page': (_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.setHeader('content-security-policy', `connect-src ws://${new URL(deviceUrl).host}`)
    response.setHeader('strict-transport-security', 'max-age=9')
    response.end('<a href="/x">there</a>')
  },
}

function serveDevice(request: IncomingMessage, response: ServerResponse): void {
  const [path = ''] = (request.url ?? '').split('?')
  reached.push(`${request.method} ${request.url}`)
  const page = pages[path]
  if (page) page(request, response)
  else response.writeHead(404).end('not here')
}

beforeAll(async () => {
  const { server, url } = await listen(serveDevice)
  deviceServer = server
  deviceUrl = url
  node = await startGateway(url)
  device = await node.register()
  session = await node.open(device)
})

afterAll(async () => {
  await node.stop()
  deviceServer.closeAllConnections()
  deviceServer.close()
})

async function echo(sent: Parameters<TestGateway['get']>[2] & { path?: string } = {}) {
  const { path = '/echo', ...rest } = sent
  const { body } = await node.get(session, path, rest)
  return JSON.parse(String(body)) as {
    method: string
    url: string
    rawHeaders: string[]
    body: string
  }
}

function errorOf({ headers }: { headers: { [name: string]: unknown } }) {
  return headers['x-travessia-error']
}

test('a ticket opens the session once; the second use is 410 without a cookie (THREATS U2)', async () => {
  const fresh = await node.open(device)
  const { host, pathname, search } = new URL(fresh.url)
  expect(fresh.cookie).toMatch(/^__Host-travessia-session=[\w-]{43}$/)
  const again = await node.send(host, `${pathname}${search}`)
  expect(again.status).toBe(410)
  expect(again.headers['set-cookie']).toBeUndefined()
  expect(errorOf(again)).toBe('TICKET_USED')
})

test('the entry sets a host-only cookie that scripts cannot read, and leads to the root (THREATS U2)', async () => {
  const ticket = node.parts.secrets.newTicket(session.id)
  const answer = await node.send(session.host, `/__travessia/enter?ticket=${ticket}`)
  expect(answer.status).toBe(303)
  expect(answer.headers.location).toBe('/')
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(answer.headers['set-cookie']?.[0]).toMatch(
    /^__Host-travessia-session=[^;]+; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
  )
  session = { ...session, cookie: answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '' }
})

test('the id in the address is not enough: without the cookie, or with another one, nothing reaches the device (THREATS U2)', async () => {
  const before = reached.length
  const other = await node.open(device)
  for (const cookie of ['', 'a=b', '__Host-travessia-session=wrong', other.cookie]) {
    const answer = await node.send(session.host, '/echo', { headers: { cookie } })
    expect(answer.status).toBe(403)
    expect(errorOf(answer)).toBe('SESSION_COOKIE_MISSING')
  }
  expect(reached.length).toBe(before)
})

test.each(['unknown', 'bad', 'ended'])('a %s session host is 404', async (kind) => {
  const ended = await node.open(device)
  await node.parts.sessions.end(ended.id, 'SessionClosed', { reason: 'user' })
  const id = kind === 'unknown' ? newId() : kind === 'bad' ? 'x' : ended.id
  const host = `${id}.remote.localhost:${node.parts.port}`
  const answer = await node.send(host, '/echo', { headers: { cookie: ended.cookie } })
  expect(answer.status).toBe(404)
  expect(errorOf(answer)).toBe('SESSION_ENDED')
})

test('what a session left in its own host is cleared once it has ended (THREATS U4)', async () => {
  const ended = await node.open(device)
  await node.parts.sessions.end(ended.id, 'SessionClosed', { reason: 'user' })
  const answer = await node.get(ended, '/')
  expect(answer.headers['clear-site-data']).toContain('"storage"')
  const path = await node.open(device, { mode: 'path' })
  await node.parts.sessions.end(path.id, 'SessionClosed', { reason: 'user' })
  expect((await node.get(path, '/')).headers['clear-site-data']).toBeUndefined()
})

test('method, target, headers and body reach the device as they are', async () => {
  const path = '/echo?a=[1]|{2}^%&b=%C3%A7'
  const seen = await echo({
    ...{ path, method: 'PUT', body: 'corpo', headers: { 'x-own': '1', accept: 'a/b' } },
  })
  expect(seen).toMatchObject({ method: 'PUT', url: path, body: 'corpo' })
  expect(seen.rawHeaders).toEqual(
    expect.arrayContaining(['x-own', '1', 'accept', 'a/b', 'content-length', '5']),
  )
})

test('the same request is refused from the moment that its cookie is no more the session’s (THREATS U2)', async () => {
  const one = await node.open(device)
  for (let i = 0; i < 2; i += 1) expect((await node.get(one, '/echo')).status).toBe(200)
  node.parts.secrets.forget(one.id)
  expect(errorOf(await node.get(one, '/echo'))).toBe('SESSION_COOKIE_MISSING')
})

test('the device sees its own host and none of our cookies, tokens or proxies (THREATS U3, P4)', async () => {
  const own = `e30.${Buffer.from('{"iss":"travessia"}').toString('base64url')}.s`
  const seen = await echo({
    headers: {
      ...{ cookie: 'sid=1', authorization: `Bearer ${own}`, 'x-forwarded-for': '1.2.3.4' },
      ...{ connection: 'x-drop', 'x-drop': '1', te: 'trailers' },
    },
  })
  const names = seen.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
  expect(seen.rawHeaders[seen.rawHeaders.findIndex((n) => n.toLowerCase() === 'host') + 1]).toBe(
    new URL(deviceUrl).host,
  )
  expect(seen.rawHeaders[seen.rawHeaders.indexOf('cookie') + 1]).toBe('sid=1')
  for (const name of ['authorization', 'x-forwarded-for', 'x-drop', 'te'])
    expect(names).not.toContain(name)
})

test('Basic sign-in of the device passes and is not written down (THREATS P4)', async () => {
  const seen = await echo({
    path: '/echo?password=hunter2',
    headers: { authorization: 'Basic c2VjcmV0OnNlY3JldA==' },
  })
  expect(seen.rawHeaders).toContain('Basic c2VjcmV0OnNlY3JldA==')
  const log = JSON.stringify(await node.parts.store.readAll(0, 10_000))
  for (const canary of ['c2VjcmV0', 'hunter2', session.cookie.split('=')[1] ?? '?'])
    expect(log).not.toContain(canary)
})

test('the framing of an upload is rebuilt: one length or one coding, and the same bytes (THREATS P5)', async () => {
  const chunked = await echo({
    ...{ method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body: 'abc' },
  })
  expect(chunked.body).toBe('abc')
  const framing = chunked.rawHeaders.filter((text) =>
    /^(transfer-encoding|content-length)$/i.test(text),
  )
  expect(framing).toHaveLength(1)
  const empty = await echo({ method: 'POST', headers: { 'content-length': '0' } })
  expect(empty.rawHeaders.map((text) => text.toLowerCase())).toContain('content-length')
})

test('Expect: 100-continue is answered here and does not reach the device', async () => {
  const text = await node.raw(
    `POST /echo HTTP/1.1\r\nHost: ${session.host}\r\nCookie: ${session.cookie}\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok`,
  )
  expect(text).toContain('HTTP/1.1 100 Continue')
  expect(text).toContain('200 OK')
  expect(text.toLowerCase()).not.toContain('"expect"')
})

test('the answer of the device comes with our rules on top (THREATS U5)', async () => {
  const { headers, body } = await node.get(session, '/page')
  expect(String(body)).toBe('<a href="/x">there</a>')
  expect(headers['strict-transport-security']).toBeUndefined()
  expect(headers['content-security-policy']).toBe(
    `connect-src ws://${session.host}, frame-ancestors 'self'`,
  )
  expect(headers['referrer-policy']).toBe('same-origin')
  expect(headers['cross-origin-opener-policy']).toBe('same-origin')
  expect(headers['cache-control']).toBe('private')
})

test('a device cannot set our cookie, and its own lose their domain (THREATS U3)', async () => {
  const { headers } = await node.get(session, '/cookies')
  expect(headers['set-cookie']).toEqual(['sid=1; Path=/; HttpOnly'])
})

test('redirects are not followed; one to another host becomes our page that says where it leads (THREATS U6, P2)', async () => {
  const before = reached.length
  const own = await node.get(session, `/redirect?to=${encodeURIComponent(`${deviceUrl}/next`)}`)
  expect([own.status, own.headers.location]).toEqual([302, '/next'])
  const other = await node.get(
    session,
    `/redirect?to=${encodeURIComponent('http://evil.example/x')}`,
  )
  const location = other.headers.location ?? ''
  expect(location).toBe(`/__travessia/leave?to=${encodeURIComponent('http://evil.example/x')}`)
  const page = await node.get(session, location)
  expect(page.status).toBe(200)
  expect(String(page.body)).toContain('href="http://evil.example/x"')
  expect(page.headers['content-security-policy']).toContain("default-src 'none'")
  expect(reached.length).toBe(before + 2)
})

test('a way out that is no web address is shown as text, never as a link (THREATS U6)', async () => {
  const { body } = await node.get(
    session,
    `/__travessia/leave?to=${encodeURIComponent('javascript:alert("1")')}`,
  )
  expect(String(body)).not.toContain('href="javascript')
  expect(String(body)).not.toContain('alert("')
})

test('packed bytes, validators, 304, 206, 204 and HEAD pass untouched in host mode (THREATS P7)', async () => {
  const packed = await node.get(session, '/gzip', { headers: { 'accept-encoding': 'gzip' } })
  expect(packed.headers['content-encoding']).toBe('gzip')
  expect(String(gunzipSync(packed.body))).toBe('<a href="/x">packed</a>')
  const first = await node.get(session, '/etag')
  expect([first.status, first.headers.etag, first.headers['cache-control']]).toEqual([
    200,
    '"1"',
    'private, max-age=5',
  ])
  const known = await node.get(session, '/etag', { headers: { 'if-none-match': '"1"' } })
  expect([known.status, known.body.length]).toEqual([304, 0])
  const part = await node.get(session, '/range', { headers: { range: 'bytes=1-2' } })
  expect([part.status, part.headers['content-range'], String(part.body)]).toEqual([
    206,
    'bytes 1-2/4',
    'bc',
  ])
  expect((await node.get(session, '/none')).status).toBe(204)
  const head = await node.get(session, '/range', { method: 'HEAD' })
  expect([head.headers['content-length'], head.body.length, head.isWhole]).toEqual(['2', 0, true])
})

test('early hints of the device are not mistaken for its answer', async () => {
  const answer = await node.get(session, '/hints')
  expect([answer.status, String(answer.body)]).toEqual([200, 'after hints'])
})

test.each(['/short', '/broken-chunks', '/reset'])(
  'a device that ends early (%s) gives a broken answer, never a clean short one (THREATS F5)',
  async (path) => {
    const opened = await node.open(device)
    const answer = await node.get(opened, path)
    expect([answer.status, answer.isWhole]).toEqual([200, false])
    expect(String(answer.body)).toBe('only this')
    const facts = await node.factsOf(opened.id, 'HttpExchangeFailed')
    expect(facts.at(-1)).toMatchObject({
      type: 'HttpExchangeFailed',
      data: { stage: 'device', errorCode: 'DEVICE_PROTOCOL', responseBytes: 9 },
    })
  },
)

test.each(['/split', '/two-lengths', '/no-http'])(
  'an answer that is not HTTP (%s) is 502 with its code (THREATS P9)',
  async (path) => {
    const answer = await node.get(session, path)
    expect([answer.status, errorOf(answer)]).toEqual([502, 'DEVICE_PROTOCOL'])
    expect(answer.headers['set-cookie']).toBeUndefined()
  },
)

test('a service worker script is never served (THREATS U4)', async () => {
  const answer = await node.get(session, '/page', { headers: { 'service-worker': 'script' } })
  expect(answer.status).toBe(404)
})

test.each([
  ['POST', { origin: 'https://evil.example' }],
  ['POST', { origin: 'null' }],
  ['GET', { origin: `http://${newId()}.remote.localhost:8002` }],
  ['GET', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }],
])('a %s with %j does not act on the device (THREATS U7, U8)', async (method, headers) => {
  const before = reached.length
  const answer = await node.get(session, '/echo', { method, headers })
  expect([answer.status, errorOf(answer)]).toEqual([403, 'ORIGIN_REFUSED'])
  expect(reached.length).toBe(before)
})

test('a plain form of the device’s own page may post, whatever its referrer policy makes of Origin (THREATS U7)', async () => {
  const own = await echo({ method: 'POST', headers: { origin: `http://${session.host}` } })
  expect(own.rawHeaders[own.rawHeaders.indexOf('origin') + 1]).toBe(deviceUrl)
  const opaque = await node.get(session, '/echo', {
    ...{ method: 'POST', headers: { origin: 'null', 'sec-fetch-site': 'same-origin' } },
  })
  expect(opaque.status).toBe(200)
})

test.each([
  ['two hosts', 'GET / HTTP/1.1\r\nHost: @\r\nHost: b\r\n\r\n'],
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  [
    'CL and TE',
    'POST / HTTP/1.1\r\nHost: @\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: @\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ['HTTP/1.0 with TE', 'POST / HTTP/1.0\r\nHost: @\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: @\r\n\r\n'],
  ['a folded header', 'GET / HTTP/1.1\r\nHost: @\r\nX-A: b\r\n c\r\n\r\n'],
  ['a bare CR', 'GET / HTTP/1.1\r\nHost: @\r\nX-A: b\rX-B: c\r\n\r\n'],
  ['a NUL', 'GET / HTTP/1.1\r\nHost: @\r\nX-A: b\0c\r\n\r\n'],
  ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: @\r\n\r\n'],
  ['the way out of the root', 'GET /../x HTTP/1.1\r\nHost: @\r\n\r\n'],
  ['another host as target', 'GET //evil.example/ HTTP/1.1\r\nHost: @\r\n\r\n'],
  ['an absolute target', 'GET http://evil.example/ HTTP/1.1\r\nHost: @\r\n\r\n'],
  ['an encoded line break', 'GET /%0d%0aX:1 HTTP/1.1\r\nHost: @\r\n\r\n'],
  ['TRACE', 'TRACE / HTTP/1.1\r\nHost: @\r\n\r\n'],
  ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: @\r\n\r\n'],
  ['a head beyond 16 KiB', `GET / HTTP/1.1\r\nHost: @\r\nX-A: ${'a'.repeat(17_000)}\r\n\r\n`],
  ['more than 100 headers', `GET / HTTP/1.1\r\nHost: @\r\n${'X-A: 1\r\n'.repeat(101)}\r\n`],
  [
    'an upgrade to something else',
    'GET / HTTP/1.1\r\nHost: @\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  ],
])(
  '%s is refused with a 4xx and does not reach the device (THREATS P3, P5, P6)',
  async (_what, text) => {
    const before = reached.length
    const cookie = `Cookie: ${session.cookie}\r\nConnection: close\r\n\r\n`
    const withCookie = text.includes('Connection: Upgrade')
      ? text
      : text.replace('\r\n\r\n', `\r\n${cookie}`)
    const answer = await node.raw(withCookie.replace('@', session.host))
    if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(reached.length).toBe(before)
  },
)

test('what is left after a prefix is checked as strictly as the whole (THREATS P3)', async () => {
  const before = reached.length
  const withPort = await node.register({ ports: [Number(new URL(deviceUrl).port)] })
  const path = await node.open(withPort, { mode: 'path' })
  for (const target of ['/../../../../x', '//evil.example/x'])
    expect((await node.get(path, target)).status).toBe(400)
  const host = await node.open(withPort)
  const port = `/__travessia/port/${new URL(deviceUrl).port}`
  for (const target of ['/../x', '//evil.example/x'])
    expect((await node.get(host, `${port}${target}`)).status).toBe(400)
  expect(reached.length).toBe(before)
})

test('only registered ports of the device are reached (THREATS P1)', async () => {
  const port = Number(new URL(deviceUrl).port)
  const own = await node.register({ baseUrl: 'http://127.0.0.1:1', ports: [port] })
  const opened = await node.open(own)
  expect((await node.get(opened, `/__travessia/port/${port}/none`)).status).toBe(204)
  const other = await node.get(opened, '/__travessia/port/22/')
  expect([other.status, errorOf(other)]).toEqual([502, 'TARGET_FORBIDDEN'])
  expect((await node.get(opened, '/__travessia/other')).status).toBe(404)
})

test('a device that nobody reaches is 502, one that does not answer in time 504, each at once readable', async () => {
  const away = await node.open(await node.register({ baseUrl: 'http://127.0.0.1:1' }))
  const refused = await node.get(away, '/', { headers: { accept: 'text/html' } })
  expect([refused.status, errorOf(refused)]).toEqual([502, 'DEVICE_UNREACHABLE'])
  const timeouts = { connectMs: 2_000, firstByteMs: 100, idleMs: 100 }
  const slow = await node.open(await node.register({ timeouts }))
  const late = await node.get(slow, '/silent', { headers: { accept: 'text/html' } })
  expect([late.status, errorOf(late), late.headers['retry-after']]).toEqual([
    504,
    'DEVICE_TIMEOUT',
    '5',
  ])
  for (const [answer, code] of [
    [refused, 'DEVICE_UNREACHABLE'],
    [late, 'DEVICE_TIMEOUT'],
  ] as const) {
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(String(answer.body)).toContain(errorText(code, 'pt-BR'))
    expect(String(answer.body)).toContain(code)
    expect(answer.headers['content-security-policy']).toContain("frame-ancestors 'none'")
  }
})

test('a device that falls silent in the middle breaks the answer off after its idle limit (THREATS P6)', async () => {
  const timeouts = { connectMs: 2_000, firstByteMs: 5_000, idleMs: 100 }
  const slow = await node.open(await node.register({ timeouts }))
  const answer = await node.get(slow, '/stream')
  expect([answer.status, answer.isWhole, String(answer.body)]).toEqual([200, false, 'first'])
  const facts = await node.factsOf(slow.id, 'HttpExchangeFailed')
  expect(facts.at(-1)?.data).toMatchObject({ errorCode: 'DEVICE_TIMEOUT', stage: 'device' })
})

test('an exchange beyond the total limit of its device is 504 before the answer, broken off after it, and a fact', async () => {
  const timeouts = { connectMs: 2_000, firstByteMs: 5_000, idleMs: 5_000, totalMs: 100 }
  const limited = await node.open(await node.register({ timeouts }))
  const late = await node.get(limited, '/silent')
  expect([late.status, errorOf(late)]).toEqual([504, 'DEVICE_TIME_LIMIT'])
  const answer = await node.get(limited, '/stream')
  expect([answer.status, answer.isWhole, String(answer.body)]).toEqual([200, false, 'first'])
  const failed = async () =>
    (await node.factsOf(limited.id, 'HttpExchangeFailed')).filter(
      ({ type }) => type === 'HttpExchangeFailed',
    )
  await expect.poll(async () => (await failed()).length).toBe(2)
  for (const { data } of await failed())
    expect(data).toMatchObject({ errorCode: 'DEVICE_TIME_LIMIT', stage: 'device' })
})

test('a device whose agent is offline is 503 at once, as problem details for a script', async () => {
  const opened = await node.open(device)
  const { id, tenantId, installationId } = device
  const names = Object.keys(eventSchemas.DeviceChanged.properties)
  const known = Object.entries(device).filter(([name]) => names.includes(name))
  const data = { ...Object.fromEntries(known), viaAgent: true } as Fact<'DeviceChanged'>['data']
  const actor = { type: 'user', id: newId() } as const
  const { position } = await node.parts.store.append({
    ...{ tenantId, streamKind: 'device', streamId: id, expected: 'any' },
    events: [
      {
        actor,
        at: new Date().toISOString(),
        installationId,
        correlationId: newId(),
        type: 'DeviceChanged',
        data,
      },
    ],
  })
  await node.parts.views.until(position)
  const answer = await node.get(opened, '/echo', { headers: { accept: 'application/json' } })
  expect(answer.status).toBe(503)
  expect(answer.headers['content-type']).toBe('application/problem+json')
  expect(JSON.parse(String(answer.body))).toMatchObject({ status: 503, code: 'AGENT_MISSING' })
  device = await node.register()
  session = await node.open(device)
})

test('the head is in the log before the device is asked, the end with lengths and digests after (THREATS F4, DESIGN 3.1)', async () => {
  const opened = await node.open(device)
  await node.get(opened, '/echo?x=1', { method: 'POST', body: 'abc' })
  const facts = await node.factsOf(opened.id, 'HttpResponseReceived')
  expect(facts.map(({ type }) => type)).toEqual([
    ...['SessionRequested', 'SessionOpened', 'HttpRequestForwarded', 'HttpResponseReceived'],
  ])
  expect(facts[2]?.data).toMatchObject({ method: 'POST', path: '/echo?x=1' })
  expect(facts[3]?.data).toMatchObject({
    ...{
      status: 200,
      requestBody: { bytes: 3, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
    },
  })
})

test('a browser that goes away stops the device’s request, and the log says who left', async () => {
  const opened = await node.open(device)
  const socket = connect(node.parts.port, '127.0.0.1')
  socket.write(
    `GET /stream?left HTTP/1.1\r\nHost: ${opened.host}\r\nCookie: ${opened.cookie}\r\n\r\n`,
  )
  await once(socket, 'data')
  socket.destroy()
  const facts = await node.factsOf(opened.id, 'HttpExchangeFailed')
  expect(facts.at(-1)?.data).toMatchObject({ stage: 'browser' })
  await expect.poll(() => cutOff).toContain('/stream?left')
})

test('at its expiry open answers are cut, nothing passes any more, and the log has the end of each in order (THREATS F6, U7)', async () => {
  const opened = await node.open(device, { ttlSeconds: 1 })
  const answer = await node.get(opened, '/stream?expiry')
  expect([answer.isWhole, String(answer.body)]).toEqual([false, 'first'])
  expect((await node.get(opened, '/none')).status).toBe(404)
  const facts = await node.factsOf(opened.id, 'SessionExpired')
  expect(facts.map(({ type }) => type).slice(-3)).toEqual([
    ...['HttpRequestForwarded', 'HttpExchangeFailed', 'SessionExpired'],
  ])
  expect(facts.at(-2)?.data).toMatchObject({
    stage: 'gateway',
    errorCode: 'SESSION_ENDED',
    responseBytes: 5,
  })
  expect(facts.at(-1)?.data).toEqual({
    ...{ reason: 'expiry', totals: { requests: 1, bytesIn: 0, bytesOut: 5 } },
  })
  await expect.poll(() => cutOff).toContain('/stream?expiry')
})

test('use does not extend a session, an extension does', async () => {
  const opened = await node.open(device, { ttlSeconds: 30 })
  const before = node.parts.sessions.find(opened.id)?.expiresAt
  await node.get(opened, '/none')
  expect(node.parts.sessions.find(opened.id)?.expiresAt).toBe(before)
  const context = {
    actor: { type: 'user', id: newId() },
    at: new Date().toISOString(),
    correlationId: newId(),
  } as const
  await node.parts.sessions.extend(
    { tenantId: device.tenantId, id: opened.id },
    { ttlSeconds: 600, context },
  )
  expect(node.parts.sessions.find(opened.id)?.expiresAt).toBeGreaterThan((before ?? 0) + 500_000)
})

test('a device may answer before it has the whole upload, and the connection goes on afterwards', async () => {
  const socket = connect(node.parts.port, '127.0.0.1')
  const head = `Host: ${session.host}\r\nCookie: ${session.cookie}\r\n`
  socket.write(`POST /early HTTP/1.1\r\n${head}Content-Length: 3000000\r\n\r\n.`)
  const [first] = (await once(socket, 'data')) as [Buffer]
  expect(String(first)).toMatch(/^HTTP\/1\.1 401 /)
  socket.write(Buffer.alloc(2_999_999))
  socket.write(`GET /none HTTP/1.1\r\n${head}Connection: close\r\n\r\n`)
  expect(String(await buffer(socket))).toContain('HTTP/1.1 204 ')
})

test('a browser that sends its whole upload before it reads finds the early answer, also without keep-alive', async () => {
  const bytes = 20_000_000
  for (const path of ['/early', '/__travessia/none']) {
    const socket = connect(node.parts.port, '127.0.0.1')
      .on('error', () => undefined)
      .pause()
    const head = `Host: ${session.host}\r\nCookie: ${session.cookie}\r\nConnection: close\r\n`
    socket.write(`POST ${path} HTTP/1.1\r\n${head}Content-Length: ${bytes}\r\n\r\n`)
    await new Promise((resolve) => socket.write(Buffer.alloc(bytes), resolve))
    expect(String(await buffer(socket)), path).toMatch(/^HTTP\/1\.1 40[0-9] /)
  }
})

test('128 exchanges of a session run at once, the others wait and get their turn (THREATS P6)', async () => {
  const opened = await node.open(device)
  const held: Array<() => void> = []
  const { server, url } = await listen((_request, response) =>
    held.push(() => response.end('done')),
  )
  const wide = await node.open(await node.register({ baseUrl: url }))
  const answers = Array.from({ length: 140 }, () => node.get(wide, '/held'))
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(128)
  for (let i = 0; i < 140; i += 1) {
    await expect.poll(() => held.length, { timeout: 20_000 }).toBeGreaterThan(0)
    held.shift()?.()
  }
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(
    Array.from({ length: 140 }, () => 200),
  )
  server.close()
  expect((await node.get(opened, '/none')).status).toBe(204)
}, 60_000)

test('path mode serves below its prefix, rewrites documents only, and sends the root to its folder', async () => {
  const opened = await node.open(device, { mode: 'path' })
  expect(opened.cookie.startsWith(`__Host-travessia-session-${opened.id}=`)).toBe(true)
  const folder = await node.get(opened, '')
  expect([folder.status, folder.headers.location]).toEqual([307, `${opened.base}/`])
  const page = await node.get(opened, '/page', { headers: { 'sec-fetch-dest': 'document' } })
  const script = `<script src="http://${opened.host}${opened.base}/__travessia/shim.js"></script>`
  expect(String(page.body)).toBe(`${script}<a href="${opened.base}/x">there</a>`)
  expect(page.headers['cache-control']).toBe('no-store')
  const seen = await node.get(opened, '/echo')
  expect(JSON.parse(String(seen.body))).toMatchObject({ url: '/echo' })
  const cookies = await node.get(opened, '/cookies')
  expect(cookies.headers['set-cookie']).toBeUndefined()
  expect(String((await node.get(opened, '/echo')).body)).toContain('sid=1')
})

test('a session of one mode is not found at the other mode’s address', async () => {
  const path = await node.open(device, { mode: 'path' })
  const asHost = await node.send(`${path.id}.remote.localhost:${node.parts.port}`, '/none', {
    headers: { cookie: path.cookie },
  })
  expect(asHost.status).toBe(404)
})

test('with a broken log nothing is forwarded any more (THREATS F10, DESIGN 3.1)', async () => {
  const lone = await startGateway(deviceUrl)
  const strict = await lone.open(await lone.register())
  const relaxed = await lone.open(await lone.register({ recording: 'relaxed' }))
  expect((await lone.get(relaxed, '/none')).status).toBe(204)
  await lone.parts.store.close()
  const before = reached.length
  for (const opened of [strict, relaxed]) {
    const answer = await lone.get(opened, '/echo')
    expect([answer.status, errorOf(answer)]).toEqual([503, 'STORE_UNAVAILABLE'])
  }
  expect(reached.length).toBe(before)
  lone.parts.sessions.stop()
  await lone.parts.gateway.stop()
  await lone.parts.views.stop()
})
