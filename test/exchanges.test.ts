/**
 * Every kind of exchange between a browser and a device, through a real node and a real agent, byte for byte: what HTTP
 * allows, devices use. Bodies without an end are in `streams.test.ts`.
 */
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { enterSession } from '../rig/pages.ts'
import {
  blocks,
  digestOf,
  received,
  ScriptedDevice,
  sendBytes,
  takeBytes,
} from '../rig/scripted-device.ts'
import { begin, type Entered, type Options, once } from '../rig/session-client.ts'
import { nothingLeft, type OwnSite, startOwnSite } from './own-site.ts'

const mebibyte = 1024 * 1024
const device = new ScriptedDevice()
let site: OwnSite
let session: Entered

beforeAll(async () => {
  site = await startOwnSite({ baseUrl: await device.start() })
  session = await enterSession(site.node.admin, site.deviceId)
  device.on('/bytes', sendBytes)
  device.on('/take', takeBytes)
})

afterAll(async () => {
  await device.stop()
  await site?.stop()
})

/** A whole exchange, its body as bytes. */
async function raw(path: string, options: Options = {}) {
  const asked = begin(session, path, options)
  asked.request.end()
  const answer = await asked.answer
  const body = await buffer(answer)
  return { status: answer.statusCode, headers: answer.headers, body }
}

const file = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251))

/** As a web server that knows ranges: `If-Range` with another validator means the whole. */
device.on('/file', (request, response) => {
  const { range, 'if-range': validator } = request.headers
  const etag = '"v2"'
  const wanted = /^bytes=(\d+)-(\d+)$/.exec(range ?? '')
  const common = { etag, 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream' }
  if (!wanted || (validator !== undefined && validator !== etag)) {
    response.writeHead(200, { ...common, 'content-length': file.length }).end(file)
    return
  }
  const part = file.subarray(Number(wanted[1]), Number(wanted[2]) + 1)
  const contentRange = `bytes ${wanted[1]}-${wanted[2]}/${file.length}`
  response.writeHead(206, {
    ...common,
    'content-range': contentRange,
    'content-length': part.length,
  })
  response.end(part)
})

test('a range is a 206 with exactly its bytes; If-Range of an older file gives the whole', async () => {
  const part = await raw('/file', { headers: { range: 'bytes=70000-89999', 'if-range': '"v2"' } })
  expect([part.status, part.headers['content-range'], part.headers['etag']]).toEqual([
    206,
    'bytes 70000-89999/100000',
    '"v2"',
  ])
  expect(part.body.equals(file.subarray(70_000, 90_000))).toBe(true)
  const whole = await raw('/file', { headers: { range: 'bytes=70000-89999', 'if-range': '"v1"' } })
  expect([whole.status, whole.headers['content-range']]).toEqual([200, undefined])
  expect(whole.body.equals(file)).toBe(true)
})

test('HEAD says the length of what GET would send, and sends nothing of it', async () => {
  const { status, headers, body } = await raw('/file', { method: 'HEAD' })
  expect([status, headers['content-length'], body.length]).toEqual([200, '100000', 0])
})

test('a 204 and a 304 have neither body nor length of one, and the connection goes on', async () => {
  device.on('/nothing', (request, response) => {
    response.writeHead(Number(request.headers['x-status']), { etag: '"1"' }).end()
  })
  const connection = new Agent({ keepAlive: true, maxSockets: 1 })
  for (const status of ['204', '304', '204']) {
    const asked = begin(session, '/nothing', { headers: { 'x-status': status }, connection })
    asked.request.end()
    const answer = await asked.answer
    expect(await text(answer)).toBe('')
    expect([answer.statusCode, answer.headers['etag']]).toEqual([Number(status), '"1"'])
    expect(answer.headers['transfer-encoding']).toBeUndefined()
  }
  connection.destroy()
})

test('early hints of a device end at the agent; the answer after them is the answer', async () => {
  device.on('/hints', async (_request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    await sleep(50)
    response.end('the page')
  })
  const asked = begin(session, '/hints')
  const statuses: Array<number | undefined> = []
  asked.request.on('information', ({ statusCode }) => statuses.push(statusCode))
  asked.request.end()
  const answer = await asked.answer
  statuses.push(answer.statusCode)
  expect([statuses, await text(answer)]).toEqual([[200], 'the page'])
})

test('a browser that expects 100 gets it before it sends, and the device the body without the question', async () => {
  const headers = { expect: '100-continue', 'content-length': 5 }
  const asked = begin(session, '/take', { method: 'POST', headers })
  asked.request.flushHeaders()
  await once(asked.request, 'continue')
  asked.request.end('12345')
  const seen = JSON.parse(await text(await asked.answer))
  expect([seen.bytes, seen.headers.expect]).toEqual([5, undefined])
})

test('bodies without a length go in chunks both ways', async () => {
  const up = begin(session, '/take', { method: 'POST' })
  await pipeline(blocks(3 * mebibyte + 1), up.request)
  const seen = JSON.parse(await text(await up.answer))
  expect([seen.headers['transfer-encoding'], seen.headers['content-length']]).toEqual([
    'chunked',
    undefined,
  ])
  expect([seen.bytes, seen.digest]).toEqual([3 * mebibyte + 1, digestOf(blocks(3 * mebibyte + 1))])
  const down = begin(session, `/bytes?chunked&count=${3 * mebibyte + 1}`)
  down.request.end()
  const answer = await down.answer
  expect(answer.headers['transfer-encoding']).toBe('chunked')
  expect((await received(answer)).digest).toBe(digestOf(blocks(3 * mebibyte + 1)))
})

test.each([
  ['gzip', gzipSync('página '.repeat(5_000))],
  ['br', brotliCompressSync('página '.repeat(5_000))],
])('a page packed with %s passes byte for byte in host mode', async (coding, packed) => {
  device.on('/packed', (_request, response) => {
    const headers = { 'content-type': 'text/html', 'content-encoding': coding, etag: '"p"' }
    response.writeHead(200, headers).end(packed)
  })
  const { headers, body } = await raw('/packed', { headers: { 'accept-encoding': coding } })
  expect([headers['content-encoding'], headers['etag']]).toEqual([coding, '"p"'])
  expect(body.equals(packed)).toBe(true)
})

/** Bytes as a browser might send them, on one connection; what came until its end. */
async function conversation(...lines: readonly string[]): Promise<string> {
  const { host, port } = new URL(session.base)
  const head = `Host: ${host}\r\nCookie: ${session.cookie}\r\n`
  const browser = connect(Number(port), '127.0.0.1')
  browser.write(lines.map((line) => line.replace('\r\n', `\r\n${head}`)).join(''))
  return text(browser)
}

test('a browser of HTTP/1.0 gets a chunked answer without chunks, up to the end of its connection', async () => {
  const answer = await conversation('GET /bytes?chunked&count=100000 HTTP/1.0\r\n\r\n')
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  expect(head).toMatch(/^HTTP\/1\.1 200 /)
  expect(head).not.toMatch(/transfer-encoding/i)
  expect(digestOf([Buffer.from(body)])).toBe(digestOf(blocks(100_000)))
})

test('requests that a browser sends without waiting are answered in their order', async () => {
  device.on('/late', async (_request, response) => {
    await sleep(300)
    response.end('late')
  })
  device.on('/soon', (_request, response) => void response.end('soon'))
  const answers = await conversation(
    'GET /late HTTP/1.1\r\n\r\n',
    'PUT /soon HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody',
    'GET /late HTTP/1.1\r\nConnection: close\r\n\r\n',
  )
  expect(answers.match(/late|soon/g)).toEqual(['late', 'soon', 'late'])
})

test('a device that closes after its answer does not cost the browser its connection', async () => {
  device.on('/closes', (request, response) => {
    response.writeHead(200, { connection: 'close' }).end(String(request.socket.remotePort))
  })
  const connection = new Agent({ keepAlive: true, maxSockets: 1 })
  const [ports, sockets] = [new Set<string>(), new Set<unknown>()]
  for (let n = 0; n < 3; n += 1) {
    const asked = begin(session, '/closes', { connection })
    asked.request.once('socket', (socket) => sockets.add(socket)).end()
    const answer = await asked.answer
    expect(answer.headers.connection).not.toBe('close')
    ports.add(await text(answer))
  }
  expect([ports.size, sockets.size]).toEqual([3, 1])
  connection.destroy()
})

test('trailers of a device end at the agent; the body before them is whole', async () => {
  device.on('/trailers', (_request, response) => {
    response.writeHead(200, { trailer: 'x-digest' }).write('all of it')
    response.addTrailers({ 'x-digest': '1' })
    response.end()
  })
  const asked = begin(session, '/trailers')
  asked.request.end()
  const answer = await asked.answer
  expect([answer.headers['trailer'], await text(answer), answer.trailers]).toEqual([
    undefined,
    'all of it',
    {},
  ])
})

test('HEAD of what would come in chunks, and a 205, have no body, and the connection goes on', async () => {
  device.on('/chunks', (_request, response) => {
    response.writeHead(200, { 'transfer-encoding': 'chunked', etag: '"c"' }).end()
  })
  device.on('/reset', (_request, response) => {
    response.writeHead(205, { 'content-length': 0 }).end()
  })
  const connection = new Agent({ keepAlive: true, maxSockets: 1 })
  for (const [method, path, status] of [
    ['HEAD', '/chunks', 200],
    ['POST', '/reset', 205],
    ['HEAD', '/chunks', 200],
  ] as const) {
    const { status: got, body } = await raw(path, { method, connection })
    expect([got, body.length]).toEqual([status, 0])
  }
  connection.destroy()
})

test('several ranges at once pass byte for byte, boundaries and all', async () => {
  const parts = Buffer.concat(
    [file.subarray(0, 30_000), file.subarray(60_000, 90_000)].flatMap((part) => [
      Buffer.from('\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n'),
      part,
    ]),
  )
  let asked: string | undefined
  device.on('/ranges', (request, response) => {
    asked = request.headers.range
    response.writeHead(206, { 'content-type': 'multipart/byteranges; boundary=b' }).end(parts)
  })
  const range = 'bytes=0-29999,60000-89999'
  const { status, headers, body } = await raw('/ranges', { headers: { range } })
  expect([status, asked]).toEqual([206, range])
  expect(headers['content-type']).toBe('multipart/byteranges; boundary=b')
  expect(body.equals(parts)).toBe(true)
})

test('after all of them neither node nor agent holds a stream', async () => {
  await nothingLeft(site)
})
