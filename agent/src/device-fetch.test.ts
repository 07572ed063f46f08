import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { createDeviceFetch } from './device-fetch.ts'
import { closedPort, deviceAt, listening } from './fixtures.ts'

const policy = { allowLoopback: () => true, forbiddenPorts: () => [] }
const call = { method: 'POST', path: '/x.fcgi', startWithinMs: () => 5_000 } as const
const signal = new AbortController().signal
const fetchAt = (port: number) => createDeviceFetch(deviceAt(`http://127.0.0.1:${port}`), policy)

test('a call reaches the device with its length and its own Host, without Expect', async () => {
  const seen: Array<{ headers: IncomingHttpHeaders; body: string }> = []
  const server = createHttpServer((request, response) => {
    void text(request).then((body) => {
      seen.push({ headers: request.headers, body })
      response.end('done')
    })
  })
  const port = await listening(server)
  expect(await fetchAt(port)({ ...call, body: '{"a":"é"}', signal })).toEqual({
    status: 200,
    body: 'done',
    ends: { device: '127.0.0.1', local: '127.0.0.1' },
  })
  await fetchAt(port)({ ...call, signal })
  const [first, second] = seen
  expect(first?.headers).toMatchObject({ 'content-length': '10', host: `127.0.0.1:${port}` })
  expect(first?.headers.expect).toBeUndefined()
  expect(second?.headers['content-length']).toBe('0')
})

test('a redirect is an answer, not a way', async () => {
  let calls = 0
  const server = createHttpServer((_request, response) => {
    calls += 1
    response.writeHead(302, { location: '/other' }).end()
  })
  expect((await fetchAt(await listening(server))({ ...call, signal })).status).toBe(302)
  expect(calls).toBe(1)
})

test('a device that refuses the connection was told nothing: unreachable', async () => {
  const fetch = fetchAt(await closedPort())
  await expect(fetch({ ...call, signal })).rejects.toMatchObject({ code: 'DEVICE_UNREACHABLE' })
})

test.each([
  ['the connection is there', [5_000, 5_000, 0]],
  ['all of it is ready', [5_000, 5_000, 5_000, 0]],
])('a call whose moment is over is not sent, though %s', async (_what, lefts) => {
  let bytes = 0
  const server = createServer((socket) => socket.on('data', (data) => (bytes += data.length)))
  const left = once(server, 'connection').then(([socket]) => once(socket, 'close'))
  const port = await listening(server)
  // Enough at the start and for connecting.
  const late = { ...call, startWithinMs: () => lefts.shift() ?? 0 }
  await expect(fetchAt(port)({ ...late, signal })).rejects.toMatchObject({
    code: 'COMMAND_EXPIRED',
  })
  const aborted = AbortSignal.abort()
  await expect(fetchAt(port)({ ...call, signal: aborted })).rejects.toMatchObject({
    code: 'COMMAND_EXPIRED',
  })
  await left
  expect(bytes).toBe(0)
})

test('a connection that is cut after the call is an error that says nothing about what happened', async () => {
  const server = createServer((socket) => socket.once('data', () => socket.destroy()))
  const error = await fetchAt(await listening(server))({ ...call, signal }).catch((cause) => cause)
  expect(error.code).toBe('DEVICE_LOST')
})

test.each([
  ['longer', 3],
  ['shorter', 5],
])(
  'a body that is %s than it was said has failed, and no byte beyond that is sent',
  async (_what, length) => {
    let received = ''
    const server = createServer((socket) => socket.on('data', (data) => (received += String(data))))
    const left = once(server, 'connection').then(([socket]) => once(socket, 'close'))
    const read = async function* () {
      yield Buffer.from('ab')
      yield Buffer.from('cd')
    }
    const sending = fetchAt(await listening(server))({ ...call, body: { length, read }, signal })
    await expect(sending).rejects.toMatchObject({ code: 'FILE_BROKEN' })
    await left
    expect(received.split('\r\n\r\n')[1] ?? '').not.toMatch(length < 4 ? /c/ : /e/)
  },
)

test.each([
  ['its time is over', new DOMException('', 'TimeoutError'), 'DEVICE_TIMEOUT'],
  ['the agent stops', undefined, 'AGENT_OFFLINE'],
])('a device that hangs is left when %s', async (_when, reason, code) => {
  const controller = new AbortController()
  const server = createServer((socket) => socket.once('data', () => controller.abort(reason)))
  const waiting = fetchAt(await listening(server))({ ...call, signal: controller.signal })
  await expect(waiting).rejects.toMatchObject({ code })
})

test('what is not HTTP is said to be none', async () => {
  const server = createServer((socket) => socket.once('data', () => socket.end('SSH-2.0\r\n\r\n')))
  const waiting = fetchAt(await listening(server))({ ...call, signal })
  await expect(waiting).rejects.toMatchObject({ code: 'DEVICE_PROTOCOL' })
})

test('an answer without an end is cut at one megabyte', async () => {
  const server = createHttpServer((_request, response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    }
    response.on('drain', more)
    more()
  })
  const endless = fetchAt(await listening(server))({ ...call, signal })
  await expect(endless).rejects.toMatchObject({ code: 'DEVICE_ANSWER' })
})
