import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PageGateway, startPageGateway } from './page-gateway.fixture.ts'

let pages: PageGateway

beforeAll(async () => {
  pages = await startPageGateway()
})

afterAll(() => pages.stop())

test('the answer of the device comes with our rules on top', async () => {
  const { headers, body } = await pages.get('/page')
  expect(String(body)).toBe('<a href="/x">there</a>')
  expect(headers['strict-transport-security']).toBeUndefined()
  expect(headers['content-security-policy']).toBe(
    `connect-src ws://${pages.session.host}, frame-ancestors 'self'`,
  )
  expect(headers['referrer-policy']).toBe('same-origin')
  expect(headers['cross-origin-opener-policy']).toBe('same-origin')
  expect(headers['cache-control']).toBe('private')
})

test('a device cannot set our cookie, and its own lose their domain', async () => {
  const { headers } = await pages.get('/cookies')
  expect(headers['set-cookie']).toEqual(['sid=1; Path=/; HttpOnly'])
})

test('redirects are not followed; one to another host becomes our page that says where it leads', async () => {
  const before = pages.reached.length
  const own = await pages.get(`/redirect?to=${encodeURIComponent(`${pages.deviceUrl}/next`)}`)
  expect([own.status, own.headers.location]).toEqual([302, '/next'])
  const other = await pages.get(`/redirect?to=${encodeURIComponent('http://evil.example/x')}`)
  const location = other.headers.location ?? ''
  expect(location).toBe(`/__travessia/leave?to=${encodeURIComponent('http://evil.example/x')}`)
  const page = await pages.get(location)
  expect(page.status).toBe(200)
  expect(String(page.body)).toContain('href="http://evil.example/x"')
  expect(page.headers['content-security-policy']).toContain("default-src 'none'")
  expect(pages.reached.length).toBe(before + 2)
})

test('a way out that is no web address is shown as text, never as a link', async () => {
  const { body } = await pages.get(
    `/__travessia/leave?to=${encodeURIComponent('javascript:alert("1")')}`,
  )
  expect(String(body)).not.toContain('href="javascript')
  expect(String(body)).not.toContain('alert("')
})

test('packed bytes, validators, 304, 206, 204 and HEAD pass untouched in host mode', async () => {
  const packed = await pages.get('/gzip', { headers: { 'accept-encoding': 'gzip' } })
  expect(packed.headers['content-encoding']).toBe('gzip')
  expect(String(gunzipSync(packed.body))).toBe('<a href="/x">packed</a>')
  const first = await pages.get('/etag')
  expect([first.status, first.headers.etag, first.headers['cache-control']]).toEqual([
    200,
    '"1"',
    'private, max-age=5',
  ])
  const known = await pages.get('/etag', { headers: { 'if-none-match': '"1"' } })
  expect([known.status, known.body.length]).toEqual([304, 0])
  const part = await pages.get('/range', { headers: { range: 'bytes=1-2' } })
  expect([part.status, part.headers['content-range'], String(part.body)]).toEqual([
    206,
    'bytes 1-2/4',
    'bc',
  ])
  expect((await pages.get('/none')).status).toBe(204)
  const head = await pages.get('/range', { method: 'HEAD' })
  expect([head.headers['content-length'], head.body.length, head.isWhole]).toEqual(['2', 0, true])
})

test('early hints of the device are not mistaken for its answer', async () => {
  const answer = await pages.get('/hints')
  expect([answer.status, String(answer.body)]).toEqual([200, 'after hints'])
})

test('path mode serves below its prefix, rewrites documents only, and sends the root to its folder', async () => {
  const opened = await pages.node.open(pages.device, { mode: 'path' })
  expect(opened.cookie.startsWith(`__Host-travessia-session-${opened.id}=`)).toBe(true)
  const folder = await pages.node.get(opened, '')
  expect([folder.status, folder.headers.location]).toEqual([307, `${opened.base}/`])
  const page = await pages.node.get(opened, '/page', { headers: { 'sec-fetch-dest': 'document' } })
  const script = `<script src="http://${opened.host}${opened.base}/__travessia/shim.js"></script>`
  expect(String(page.body)).toBe(`${script}<a href="${opened.base}/x">there</a>`)
  expect(page.headers['cache-control']).toBe('no-store')
  const seen = await pages.node.get(opened, '/echo')
  expect(JSON.parse(String(seen.body))).toMatchObject({ url: '/echo' })
  const cookies = await pages.node.get(opened, '/cookies')
  expect(cookies.headers['set-cookie']).toBeUndefined()
  expect(String((await pages.node.get(opened, '/echo')).body)).toContain('sid=1')
})
