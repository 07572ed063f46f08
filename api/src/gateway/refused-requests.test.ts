import { newId } from '@travessia/schemas/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { errorOf, type PageGateway, startPageGateway } from './page-gateway.fixture.ts'

let pages: PageGateway

beforeAll(async () => {
  pages = await startPageGateway()
})

afterAll(() => pages.stop())

test('a service worker script is never served', async () => {
  const answer = await pages.get('/page', { headers: { 'service-worker': 'script' } })
  expect(answer.status).toBe(404)
})

test.each([
  ['POST', { origin: 'https://evil.example' }],
  ['POST', { origin: 'null' }],
  ['GET', { origin: `http://${newId()}.remote.localhost:8002` }],
  ['GET', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }],
])('a %s with %j does not act on the device', async (method, headers) => {
  const before = pages.reached.length
  const answer = await pages.get('/echo', { method, headers })
  expect([answer.status, errorOf(answer)]).toEqual([403, 'ORIGIN_REFUSED'])
  expect(pages.reached.length).toBe(before)
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
])('%s is refused with a 4xx and does not reach the device', async (_what, text) => {
  const before = pages.reached.length
  const cookie = `Cookie: ${pages.session.cookie}\r\nConnection: close\r\n\r\n`
  const withCookie = text.includes('Connection: Upgrade')
    ? text
    : text.replace('\r\n\r\n', `\r\n${cookie}`)
  const answer = await pages.node.raw(withCookie.replace('@', pages.session.host))
  if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
  expect(pages.reached.length).toBe(before)
})

test('what is left after a prefix is checked as strictly as the whole', async () => {
  const before = pages.reached.length
  const withPort = await pages.node.register({ ports: [Number(new URL(pages.deviceUrl).port)] })
  const path = await pages.node.open(withPort, { mode: 'path' })
  for (const target of ['/../../../../x', '//evil.example/x'])
    expect((await pages.node.get(path, target)).status).toBe(400)
  const host = await pages.node.open(withPort)
  const port = `/__travessia/port/${new URL(pages.deviceUrl).port}`
  for (const target of ['/../x', '//evil.example/x'])
    expect((await pages.node.get(host, `${port}${target}`)).status).toBe(400)
  expect(pages.reached.length).toBe(before)
})

test('only registered ports of the device are reached', async () => {
  const port = Number(new URL(pages.deviceUrl).port)
  const own = await pages.node.register({ baseUrl: 'http://127.0.0.1:1', ports: [port] })
  const opened = await pages.node.open(own)
  expect((await pages.node.get(opened, `/__travessia/port/${port}/none`)).status).toBe(204)
  const other = await pages.node.get(opened, '/__travessia/port/22/')
  expect([other.status, errorOf(other)]).toEqual([502, 'TARGET_FORBIDDEN'])
  expect((await pages.node.get(opened, '/__travessia/other')).status).toBe(404)
})
