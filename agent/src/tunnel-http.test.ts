/** What a device answers passes as it is. */
import type { IncomingMessage } from 'node:http'
import { gzipSync } from 'node:zlib'
import { FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import { expect, test } from 'vitest'
import { eventually } from './fixtures.ts'
import { rawDevice } from './raw-device.fixture.ts'
import { httpDevice } from './tunnel.fixture.ts'

/** As many requests as `deviceAt` lets a device have at once. */
const places = 8

test('a small answer is one frame', async () => {
  const { get, toNode } = await httpDevice((_request, response) => response.end('hello'))
  const answer = await get()
  expect(answer.status).toBe(200)
  expect((await answer.body()).toString()).toBe('hello')
  expect(toNode.map(({ type }) => type)).toEqual([FrameType.response])
})

test('a small answer without a length is one frame too, when it came at once', async () => {
  const { get, toNode } = await rawDevice((socket) =>
    socket.end(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n',
    ),
  )
  expect((await (await get()).body()).toString()).toBe('hello')
  expect(toNode.map(({ type }) => type)).toEqual([FrameType.response])
})

test('a request that waits for its turn at the device ends with its browser', async () => {
  const asked: string[] = []
  const { open, get } = await httpDevice(({ url }, response) => {
    asked.push(String(url))
    if (url !== '/first') response.end('done')
  })
  const busy = Array.from({ length: places }, () => open({ path: '/first' }))
  await eventually(() => expect(asked).toHaveLength(places))
  const waiting = open({ path: '/waiting' })
  waiting.reset(ResetCode.cancel)
  for (const stream of busy) stream.reset(ResetCode.cancel)
  expect(String(await (await get({ path: '/next' })).body())).toBe('done')
  expect(asked).not.toContain('/waiting')
})

test('target and headers arrive as they were sent, with the Host of the device', async () => {
  let seen: IncomingMessage | undefined
  const { get } = await httpDevice((request, response) => {
    seen = request
    response.end()
  })
  const path = '/a%2Fb/../c;x=1?q=%00&r[]=\'"|'
  await (await get({ path, headers: ['X-One', '1', 'x-one', '2', 'Cookie', 'a=b'] })).body()
  expect(seen?.url).toBe(path)
  expect(seen?.headers.host).toMatch(/^127\.0\.0\.1:\d+$/)
  expect(seen?.rawHeaders.join('|')).toContain('X-One|1|x-one|2|Cookie|a=b')
})

test("the device's headers arrive in order, with duplicates and bytes beyond ASCII", async () => {
  const { get } = await rawDevice((socket) =>
    socket.end(
      Buffer.from(
        'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Name: \xe9\r\nContent-Length: 0\r\n\r\n',
        'latin1',
      ),
    ),
  )
  const { headers } = await get()
  expect(headers.slice(0, 6)).toEqual(['Set-Cookie', 'a=1', 'set-cookie', 'b=2', 'X-Name', 'é'])
})

test('HEAD, 204 and 304 have no body, whatever their headers say', async () => {
  const { get } = await httpDevice(({ url }, response) => {
    if (url === '/head') response.writeHead(200, { 'content-length': 5_000_000 })
    if (url === '/small') response.writeHead(200, { 'content-length': 5 })
    if (url === '/204') response.writeHead(204)
    if (url === '/304') response.writeHead(304, { etag: '"x"', 'content-length': 77 })
    response.end()
  })
  const cases = [
    ['HEAD', '/head', 200],
    ['HEAD', '/small', 200],
    ['GET', '/204', 204],
    ['GET', '/304', 304],
  ] as const
  for (const [method, path, status] of cases) {
    const answer = await get({ method, path })
    expect(answer.status, path).toBe(status)
    expect(await answer.body(), path).toHaveLength(0)
  }
})

test('interim answers are left out', async () => {
  const { get } = await rawDevice((socket) =>
    socket.end(
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    ),
  )
  const answer = await get()
  expect(answer.status).toBe(200)
  expect((await answer.body()).toString()).toBe('ok')
})

test('a redirect is handed on, not followed', async () => {
  const calls: unknown[] = []
  const { get } = await httpDevice(({ url }, response) => {
    calls.push(url)
    response.writeHead(302, { location: 'http://169.254.169.254/' }).end()
  })
  expect((await get()).status).toBe(302)
  expect(calls).toEqual(['/'])
})

test('a compressed body is handed on as it is', async () => {
  const zipped = gzipSync('x'.repeat(100_000))
  const { get } = await httpDevice((_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped)
  })
  expect(await (await get()).body()).toEqual(zipped)
})

test('a large body arrives whole, in order, as credit allows', async () => {
  const large = Buffer.alloc(3_000_000, 'abcdefghij')
  const { get } = await httpDevice((_request, response) => response.end(large))
  expect((await (await get()).body()).equals(large)).toBe(true)
})

test('trailers do not disturb the body', async () => {
  const { get } = await httpDevice((_request, response) => {
    response.writeHead(200, { trailer: 'X-Sum' })
    response.write('body')
    response.addTrailers({ 'x-sum': '1' })
    response.end()
  })
  expect((await (await get()).body()).toString()).toBe('body')
})
