/**
 * The gateway from outside: the demo's devices and one of the test's own, through broker and agent, with the
 * cookies, bodies, streams and refusals that a browser meets.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed, factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { type Echo, OwnDevice, pattern } from '../rig/own-device.ts'
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

beforeAll(async () => {
  stack = await startStack()
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  auditor = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
  agent = await startOwnAgent(stack, manager, 'Oficina')
  own = await registered('Próprio', await device.start())
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

/** An answer of the device with these fields, each `name=value`. */
function answering(fields: readonly string[], at?: Entered): Promise<Page> {
  const pairs = fields.map((field): [string, string] => {
    const [name = '', value = ''] = field.split(/=(.*)/s)
    return [name, value]
  })
  return inside(`/answer?${new URLSearchParams(pairs)}`, {}, at)
}

const asDocument = { headers: { accept: 'text/html', 'sec-fetch-dest': 'document' } }

test('a redirect to the device itself stays in the session; one to another host becomes a page', async () => {
  const to = async (location: string) =>
    (await answering(['status=302', `location=${location}`])).headers['location']
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
    'set-cookie=sid=1; Domain=remote.localhost; Path=/app; HttpOnly',
    'set-cookie=__Host-travessia-session=stolen; Path=/',
    'set-cookie=__HOST-Travessia=stolen; Path=/',
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
    'strict-transport-security=max-age=1',
    'alt-svc=h3=":1"',
    'nel={}',
    'access-control-allow-origin=*',
    'service-worker-allowed=/',
    'clear-site-data="*"',
    'cache-control=public, max-age=60',
    'etag="1"',
    "content-security-policy=script-src 'self'",
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
  const redirect = await answering(['status=302', 'location=/login'], at)
  expect(redirect.headers['location']).toBe(`${prefix}/login`)
  const cookies = await answering(
    ['set-cookie=a=1; Path=/app', 'set-cookie=b=2', 'set-cookie=jar=3; HttpOnly'],
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

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
