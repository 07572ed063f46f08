import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { FrameType, initialWindowBytes, ResetCode } from '@travessia/schemas/tunnel-frame'
import { expect, test, vi } from 'vitest'
import { deviceAt, eventually, listening } from './fixtures.ts'
import { answerOf, httpDevice, tunnelTo } from './tunnel-fixtures.ts'

/** As many requests as `deviceAt` lets a device have at once. */
const places = 8

const reset = (code: ResetCode) => expect.objectContaining({ name: 'StreamReset', code })

/** A device that says these bytes to whatever it is asked. */
async function rawDevice(say: (socket: Socket) => void) {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => say(socket))
  })
  return tunnelTo(deviceAt(`http://127.0.0.1:${await listening(server)}`))
}

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

test('a device that closes before its Content-Length is complete breaks the answer, small or large', async () => {
  for (const length of [100, 1_000_000]) {
    const { get } = await rawDevice((socket) =>
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\nshort`),
    )
    const whole = get().then((answer) => answer.body())
    await expect(whole, String(length)).rejects.toEqual(reset(ResetCode.deviceClosed))
  }
})

const begun = 'x'.repeat(40_000)

test.each([
  ['HTTP/1.0 without a length', `HTTP/1.0 200 OK\r\n\r\n${begun}`],
  ['Connection: close without a length', `HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${begun}`],
  ['HTTP/1.0, small', 'HTTP/1.0 200 OK\r\n\r\nbegun'],
])(
  'an answer by %s is whole at the end of the connection, and broken when it is reset',
  async (_how, said) => {
    const ended = await rawDevice((socket) => socket.end(said))
    expect((await (await ended.get()).body()).toString()).toBe(said.split('\r\n\r\n')[1])
    const { get } = await rawDevice((socket) => socket.write(said, () => socket.resetAndDestroy()))
    const whole = get().then((answer) => answer.body())
    await expect(whole).rejects.toEqual(reset(ResetCode.deviceClosed))
  },
)

test.each(['FIN', 'RST'])(
  'a chunked answer that is cut by a %s is broken, with Connection: close too',
  async (how) => {
    for (const connection of ['close', 'keep-alive']) {
      const head = `HTTP/1.1 200 OK\r\nConnection: ${connection}\r\nTransfer-Encoding: chunked\r\n\r\n`
      const { get } = await rawDevice((socket) =>
        socket.write(`${head}9c40\r\n${begun}\r\n`, () =>
          how === 'FIN' ? socket.end() : socket.resetAndDestroy(),
        ),
      )
      const whole = get().then((answer) => answer.body())
      await expect(whole, connection).rejects.toMatchObject({ name: 'StreamReset' })
    }
  },
)

test('what a device sends beyond its Content-Length is cut off', async () => {
  const { get } = await rawDevice((socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nsmuggled'),
  )
  const answer = await get().then(
    (good) => good.body(),
    () => 'refused',
  )
  expect(answer.toString()).toMatch(/^(ok|refused)$/)
})

test.each([
  ['nothing', '', ResetCode.deviceClosed],
  ['half a head', 'HTTP/1.1 200 OK\r\nConte', ResetCode.deviceClosed],
  ['what is not HTTP', 'SSH-2.0-OpenSSH\r\n\r\n', ResetCode.deviceProtocol],
  [
    'a head without end',
    `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n`,
    ResetCode.deviceProtocol,
  ],
  [
    'two lengths',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    ResetCode.deviceProtocol,
  ],
])('a device that answers %s is said to have done so', async (_name, answer, code) => {
  const { get } = await rawDevice((socket) => socket.end(answer))
  await expect(get()).rejects.toEqual(reset(code))
})

test('the first event of an endless stream arrives while the device says no more, and silence does not end it', async () => {
  let response: ServerResponse | undefined
  const { get, timeouts } = await httpDevice((_request, stream) => {
    response = stream.writeHead(200, { 'content-type': 'text/event-stream' })
    stream.write('data: 1\n\n')
  })
  const answer = await get(timeouts({ idleMs: 1 }))
  expect(Buffer.from((await answer.next()) ?? []).toString()).toBe('data: 1\n\n')
  await new Promise((resolve) => setTimeout(resolve, 30))
  response?.write('data: 2\n\n')
  expect(Buffer.from((await answer.next()) ?? []).toString()).toBe('data: 2\n\n')
  response?.end()
  expect(await answer.next()).toBeUndefined()
})

test('a device that is silent in the middle of a body is left after the idle time', async () => {
  const closed = vi.fn()
  const { get, timeouts } = await httpDevice((_request, response) => {
    response.once('close', closed)
    response.write('begin')
  })
  const answer = await get(timeouts({ idleMs: 50 }))
  await expect(answer.body()).rejects.toEqual(reset(ResetCode.idleTimeout))
  await eventually(() => expect(closed).toHaveBeenCalled())
})

test('a device that drips a small body is left after the idle time, too', async () => {
  const { get, timeouts } = await httpDevice((_request, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('x')
  })
  await expect(get(timeouts({ idleMs: 50 }))).rejects.toEqual(reset(ResetCode.idleTimeout))
})

test('a device waits while nobody reads its answer', async () => {
  const bytes = 64 * 1024 * 1024
  let device: Socket | undefined
  const { get } = await rawDevice((socket) => {
    device = socket
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`)
    socket.write(Buffer.alloc(bytes))
  })
  const { next } = await get()
  await next()
  await sleep(1_000)
  expect(device?.writableLength).toBeGreaterThan(bytes / 2)
})

test('a slow reader is not taken for a silent device', async () => {
  const { get, timeouts } = await httpDevice((_request, response) =>
    response.end(Buffer.alloc(1_000_000)),
  )
  const answer = await get(timeouts({ idleMs: 1_000 }))
  await answer.next()
  await sleep(2_500)
  expect((await answer.body()).length).toBeGreaterThan(900_000)
})

test('a device that never answers is left after the time for the first byte', async () => {
  const closed = vi.fn()
  const { get, timeouts } = await httpDevice(
    (_request, response) => void response.once('close', closed),
  )
  await expect(get(timeouts({ firstByteMs: 100 }))).rejects.toEqual(
    reset(ResetCode.firstByteTimeout),
  )
  await eventually(() => expect(closed).toHaveBeenCalled())
})

test('a total limit ends an exchange that is busy all the time; without one it goes on', async () => {
  const closed = vi.fn()
  const { get, timeouts } = await httpDevice((_request, response) => {
    response.once('close', closed).writeHead(200, { 'content-type': 'text/event-stream' })
    const busy = setInterval(() => response.write('data: 1\n\n'), 10)
    response.once('close', () => clearInterval(busy))
  })
  const limited = await get(timeouts({ totalMs: 100 }))
  await expect(limited.body()).rejects.toEqual(reset(ResetCode.totalTimeout))
  await eventually(() => expect(closed).toHaveBeenCalledOnce())
  const free = await get(timeouts({ totalMs: 0 }))
  const end = Date.now() + 300
  while (Date.now() < end) expect(await free.next()).toBeDefined()
})

test("a viewer who goes away ends the device's work at once", async () => {
  const closed = vi.fn()
  const { open } = await httpDevice((_request, response) => {
    response.once('close', () => closed(performance.now()))
    response.write('begin')
  })
  const stream = open()
  await (await answerOf(stream)).next()
  const at = performance.now()
  stream.reset(ResetCode.cancel)
  await eventually(() => expect(closed).toHaveBeenCalled())
  expect(closed.mock.calls[0]?.[0] - at).toBeLessThan(1_000)
})

test('a viewer who stops reading stops the device: no more than two windows are under way', async () => {
  let written = 0
  const { get } = await httpDevice((_request, response) => {
    const more = () => {
      while (written < 50_000_000 && response.write(Buffer.alloc(65_536))) written += 65_536
    }
    response.on('drain', more)
    more()
  })
  const answer = await get()
  await answer.next()
  const settled = async () => {
    const before = written
    await new Promise((resolve) => setTimeout(resolve, 100))
    return written === before
  }
  await eventually(async () => expect(await settled()).toBe(true))
  // Besides the windows: what the two sockets on loopback hold.
  expect(written).toBeLessThan(2 * initialWindowBytes + 12_000_000)
})

test('a full socket is waited for before more is sent', async () => {
  const { get, link, toNode } = await httpDevice((_request, response) =>
    response.end(Buffer.alloc(100_000)),
  )
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let isFull = true
  link.drained = () => (isFull ? held : undefined)
  const answer = await get()
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(toNode.filter(({ type }) => type === FrameType.data)).toEqual([])
  isFull = false
  release()
  expect(await answer.body()).toHaveLength(100_000)
})
