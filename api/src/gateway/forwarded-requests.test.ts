import { once } from 'node:events'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PageGateway, startPageGateway } from './page-gateway.fixture.ts'

let pages: PageGateway

beforeAll(async () => {
  pages = await startPageGateway()
})

afterAll(() => pages.stop())

test('method, target, headers and body reach the device as they are', async () => {
  const path = '/echo?a=[1]|{2}^%&b=%C3%A7'
  const seen = await pages.echo({
    ...{ path, method: 'PUT', body: 'corpo', headers: { 'x-own': '1', accept: 'a/b' } },
  })
  expect(seen).toMatchObject({ method: 'PUT', url: path, body: 'corpo' })
  expect(seen.rawHeaders).toEqual(
    expect.arrayContaining(['x-own', '1', 'accept', 'a/b', 'content-length', '5']),
  )
})

test('the device sees its own host and none of our cookies, tokens or proxies', async () => {
  const own = `e30.${Buffer.from('{"iss":"travessia"}').toString('base64url')}.s`
  const seen = await pages.echo({
    headers: {
      ...{ cookie: 'sid=1', authorization: `Bearer ${own}`, 'x-forwarded-for': '1.2.3.4' },
      ...{ connection: 'x-drop', 'x-drop': '1', te: 'trailers' },
    },
  })
  const names = seen.rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
  expect(seen.rawHeaders[seen.rawHeaders.findIndex((n) => n.toLowerCase() === 'host') + 1]).toBe(
    new URL(pages.deviceUrl).host,
  )
  expect(seen.rawHeaders[seen.rawHeaders.indexOf('cookie') + 1]).toBe('sid=1')
  for (const name of ['authorization', 'x-forwarded-for', 'x-drop', 'te'])
    expect(names).not.toContain(name)
})

test('Basic sign-in of the device passes and is not written down', async () => {
  const seen = await pages.echo({
    path: '/echo?password=hunter2',
    headers: { authorization: 'Basic c2VjcmV0OnNlY3JldA==' },
  })
  expect(seen.rawHeaders).toContain('Basic c2VjcmV0OnNlY3JldA==')
  const log = JSON.stringify(await pages.node.parts.store.readAll(0, 10_000))
  for (const canary of ['c2VjcmV0', 'hunter2', pages.session.cookie.split('=')[1] ?? '?'])
    expect(log).not.toContain(canary)
})

test('the framing of an upload is rebuilt: one length or one coding, and the same bytes', async () => {
  const chunked = await pages.echo({
    ...{ method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body: 'abc' },
  })
  expect(chunked.body).toBe('abc')
  const framing = chunked.rawHeaders.filter((text) =>
    /^(transfer-encoding|content-length)$/i.test(text),
  )
  expect(framing).toHaveLength(1)
  const empty = await pages.echo({ method: 'POST', headers: { 'content-length': '0' } })
  expect(empty.rawHeaders.map((text) => text.toLowerCase())).toContain('content-length')
})

test('Expect: 100-continue is answered here and does not reach the device', async () => {
  const text = await pages.node.raw(
    `POST /echo HTTP/1.1\r\nHost: ${pages.session.host}\r\nCookie: ${pages.session.cookie}\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok`,
  )
  expect(text).toContain('HTTP/1.1 100 Continue')
  expect(text).toContain('200 OK')
  expect(text.toLowerCase()).not.toContain('"expect"')
})

test('a plain form of the device’s own page may post, whatever its referrer policy makes of Origin', async () => {
  const own = await pages.echo({
    method: 'POST',
    headers: { origin: `http://${pages.session.host}` },
  })
  expect(own.rawHeaders[own.rawHeaders.indexOf('origin') + 1]).toBe(pages.deviceUrl)
  const opaque = await pages.get('/echo', {
    ...{ method: 'POST', headers: { origin: 'null', 'sec-fetch-site': 'same-origin' } },
  })
  expect(opaque.status).toBe(200)
})

test('a device may answer before it has the whole upload, and the connection goes on afterwards', async () => {
  const socket = connect(pages.node.parts.port, '127.0.0.1')
  const head = `Host: ${pages.session.host}\r\nCookie: ${pages.session.cookie}\r\n`
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
    const socket = connect(pages.node.parts.port, '127.0.0.1')
      .on('error', () => undefined)
      .pause()
    const head = `Host: ${pages.session.host}\r\nCookie: ${pages.session.cookie}\r\nConnection: close\r\n`
    socket.write(`POST ${path} HTTP/1.1\r\n${head}Content-Length: ${bytes}\r\n\r\n`)
    await new Promise((resolve) => socket.write(Buffer.alloc(bytes), resolve))
    expect(String(await buffer(socket)), path).toMatch(/^HTTP\/1\.1 40[0-9] /)
  }
})
