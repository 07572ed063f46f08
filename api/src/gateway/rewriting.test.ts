import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { DeviceRow } from '../views/devices.ts'
import { listen, type Session, startGateway, type TestGateway } from './gateway.fixture.ts'
import { viewOf } from './public-address.ts'
import { mayBeRewritten, rewritingOf } from './rewriting.ts'

// Megabytes are packed, unpacked and read, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const base = '/remote/s/abc'
const device = { baseUrl: 'http://192.168.1.50', ports: [] }
const at = (ports: number[], where: string) =>
  viewOf({ ...device, ports }, { publicOrigin: 'https://x.example', base: where, port: undefined })
const view = at([], base)
const document = { method: 'GET', headers: { 'sec-fetch-dest': 'document' } }
const page = ['Content-Type', 'text/html; charset=x']

function kindOf(headers: string[], { status = 200, asked = document, on = view } = {}) {
  return rewritingOf(asked, { status, headers }, on)?.kind
}

test('whole pages, parts that a script asks for, and style sheets are rewritten', () => {
  const empty = { method: 'GET', headers: { 'sec-fetch-dest': 'empty' } }
  expect(kindOf(page)).toBe('page')
  expect(kindOf(page, { status: 404 })).toBe('page')
  expect(kindOf(['content-type', 'APPLICATION/xhtml+xml'])).toBe('page')
  expect(kindOf(page, { asked: empty })).toBe('fragment')
  expect(kindOf(['content-type', 'text/css'], { asked: empty })).toBe('style')
  for (const coding of ['gzip', 'x-gzip', 'br', 'deflate', 'identity', 'GZIP'])
    expect(kindOf([...page, 'content-encoding', coding])).toBe('page')
})

test.each([
  ['a part', page, { status: 206 }],
  ['nothing new', page, { status: 304 }],
  ['nothing', page, { status: 204 }],
  ['a head', page, { asked: { ...document, method: 'HEAD' } }],
  ['a download', [...page, 'content-disposition', 'attachment; filename=a.html'], {}],
  ['data', ['content-type', 'application/json'], {}],
  ['a script', ['content-type', 'text/javascript'], {}],
  ['something like HTML', ['content-type', 'text/html-sandboxed'], {}],
  ['what has no type', [], {}],
  ['two codings', [...page, 'content-encoding', 'gzip, br'], {}],
  ['a coding nobody knows', [...page, 'content-encoding', 'zstd'], {}],
  ['a coding of our own words', [...page, 'content-encoding', 'constructor'], {}],
  ['a page too large', [...page, 'content-length', String(2 ** 23 + 1)], {}],
  ['a sheet too large', ['content-type', 'text/css', 'content-length', String(2 ** 19 + 1)], {}],
  ['a device alone on its host', page, { on: at([], '') }],
])('%s goes on byte for byte', (_what, headers, options) => {
  expect(kindOf(headers, options)).toBeUndefined()
})

test('on a host of its own only pages of a device with further ports are rewritten', () => {
  expect(kindOf(page, { on: at([8080], '') })).toBe('page')
  expect(kindOf(['content-type', 'text/css'], { on: at([8080], '') })).toBeUndefined()
  expect(mayBeRewritten(document, at([8080], ''))).toBe(true)
  const style = { method: 'GET', headers: { 'sec-fetch-dest': 'style' } }
  expect(mayBeRewritten(style, view)).toBe(true)
  expect(mayBeRewritten(style, at([8080], ''))).toBe(false)
  expect(mayBeRewritten(document, at([], ''))).toBe(false)
  expect(mayBeRewritten({ method: 'GET', headers: { accept: 'text/css,*/*;q=0.1' } }, view)).toBe(
    true,
  )
  expect(mayBeRewritten({ method: 'GET', headers: { 'sec-fetch-dest': 'image' } }, view)).toBe(
    false,
  )
})

let node: TestGateway
let row: DeviceRow
let session: Session
let stop: () => void

const html = '<p><a href="/x">caf\xe9</a></p>'
const large = `${html}${'<p>text</p>'.repeat(800_000)}`
const sheet = 'a{b:url(/x)}\n'.repeat(50_000)
const bodies: Record<string, [coding: string, Buffer]> = {
  '/gzip': ['gzip', gzipSync(Buffer.from(html, 'latin1'))],
  '/br': ['br', brotliCompressSync(Buffer.from(html, 'latin1'))],
  '/deflate': ['deflate', deflateSync(Buffer.from(html, 'latin1'))],
  '/large': ['gzip', gzipSync(`${large}<a href="/end">`)],
  '/bomb': ['gzip', gzipSync(Buffer.alloc(80 * 1024 * 1024, 'x'))],
  '/cut': ['gzip', gzipSync(large).subarray(0, 2_000)],
  '/wrong-gzip': ['gzip', Buffer.from('no gzip at all')],
  '/wrong-br': ['br', Buffer.from('no brotli at all')],
}

beforeAll(async () => {
  const { server, url } = await listen((request, response) => {
    if (request.url === '/sheet') {
      response.writeHead(200, { 'content-type': 'text/css' })
      response.write(sheet.slice(0, 400_000))
      return void response.end(sheet.slice(400_000))
    }
    const [coding, body] = bodies[request.url ?? ''] ?? ['identity', Buffer.from('')]
    const headers = { etag: '"1"', 'content-type': 'text/html', 'content-encoding': coding }
    response.writeHead(200, { ...headers, 'content-length': body.length }).end(body)
  })
  node = await startGateway(url)
  row = await node.register()
  session = await node.open(row, { mode: 'path' })
  stop = () => void server.close()
})

afterAll(async () => {
  await node.stop()
  stop()
})

const open = (path: string) =>
  node.get(session, path, { headers: { 'sec-fetch-dest': 'document' } })

test.each(['/gzip', '/br', '/deflate'])('a page in %s is decoded and rewritten', async (path) => {
  const { headers, body } = await open(path)
  expect(body.toString('latin1')).toContain(`<a href="${session.base}/x">caf\xe9</a>`)
  for (const name of ['content-encoding', 'content-length', 'etag'])
    expect(headers[name]).toBeUndefined()
  expect(headers['cache-control']).toBe('no-store')
})

test('beyond eight megabytes the rest of a coded page passes decoded, as it is', async () => {
  const { body, isWhole } = await open('/large')
  expect([body.subarray(-15).toString(), isWhole]).toEqual(['<a href="/end">', true])
  expect(body.includes(`${session.base}/x`)).toBe(true)
})

test('a style sheet that says no length and turns out too large passes as it is', async () => {
  expect(String((await open('/sheet')).body)).toBe(sheet)
})

test.each(['/bomb', '/cut', '/wrong-gzip', '/wrong-br'])(
  'a coded body that is not what it says, or grows beyond all bounds, is a broken answer: %s',
  async (path) => {
    const { isWhole, body } = await open(path)
    expect(isWhole).toBe(false)
    expect(body.length).toBeLessThan(66 * 1024 * 1024)
    const failure = { type: 'HttpExchangeFailed', data: { errorCode: 'DEVICE_PROTOCOL' } }
    await expect.poll(async () => (await node.factsOf(session.id)).at(-1)).toMatchObject(failure)
  },
)

test('our script is served to who holds the session’s cookie, and is one for all its pages', async () => {
  const { status, headers, body } = await node.get(session, '/__travessia/shim.js')
  expect([status, headers['content-type'], headers['cache-control']]).toEqual([
    ...[200, 'text/javascript; charset=utf-8', 'private, max-age=600'],
  ])
  expect(String(body)).toContain(`"base":"${session.base}"`)
  const stranger = await node.send(session.host, `${session.base}/__travessia/shim.js`)
  expect(stranger.status).toBe(403)
})

test('what a page asks of the remote host itself is led back with method and body', async () => {
  const referer = `http://${session.host}${session.base}/page`
  const send = (headers: Record<string, string>, path = '/x?a=1') =>
    node.send(session.host, path, { method: 'POST', body: 'b', headers })
  const back = await send({ referer, cookie: session.cookie })
  expect([back.status, back.headers.location]).toEqual([307, `${session.base}/x?a=1`])
  expect((await send({ referer })).status).toBe(404)
  expect((await send({ cookie: session.cookie })).status).toBe(404)
  expect((await send({ referer, cookie: `${session.cookie}x` })).status).toBe(404)
  expect((await send({ referer, cookie: session.cookie }, '/../x')).status).toBe(400)
  const second = await node.open(row, { mode: 'path' })
  await node.parts.sessions.close(second.id)
  const ended = { referer: `http://${second.host}${second.base}/`, cookie: second.cookie }
  expect((await send(ended)).status).toBe(404)
})
