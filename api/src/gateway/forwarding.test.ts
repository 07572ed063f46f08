import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { CookieJar } from '@travessia/schemas/cookie-jar'
import { expect, onTestFinished, test, vi } from 'vitest'
import { AnswerHead } from './answer-head.ts'
import { browserHeadOf } from './browser-head.ts'
import { Cuts } from './cuts.ts'
import { Departure } from './departure.ts'
import { type Admitted, forward, sendAnswer } from './forwarding.ts'
import { Meter } from './meter.ts'
import { viewOf } from './public-address.ts'
import { forwardWebSocket } from './upgrade-forwarding.ts'

const view = viewOf(
  { baseUrl: 'http://10.0.0.1', ports: [] },
  { publicOrigin: 'http://s.remote.localhost', base: '', port: undefined },
)
const lost = expect.objectContaining({ code: 'TUNNEL_LOST' })

/** A browser's connection with one request that is to be answered. */
async function asked(): Promise<{
  browser: Socket
  request: IncomingMessage
  response: ServerResponse
  answer: (pieces?: readonly Uint8Array[]) => unknown
}> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const browser = connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => {
    browser.destroy()
    server.close()
  })
  browser.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  const [request, response] = await once(server, 'request')
  const record = { response: new Meter() }
  const admitted = { view, path: '/', jar: new CookieJar(), session: { mode: 'host' }, record }
  const answer = (pieces?: readonly Uint8Array[]) => {
    const body = Readable.from(pieces ?? [])
    const bytes = pieces?.reduce((sum, { length }) => sum + length, 0) ?? 2
    const head = new AnswerHead(200, ['Content-Length', String(bytes)])
    const said = { status: head.status, headers: head.headers, head, body }
    const whole = pieces ? undefined : Buffer.from('ok')
    const asked = whole ? { ...said, whole } : said
    return sendAnswer({ request, response }, asked, admitted as unknown as Admitted)
  }
  return { browser, request, response, answer }
}

test('a small answer is over at once when the system has all of it', async () => {
  const { browser, answer } = await asked()
  expect(answer()).toBeUndefined()
  expect(await text(browser)).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nok$/)
})

test('a small answer to a browser that has left is lost', async () => {
  const { browser, response, answer } = await asked()
  browser.resetAndDestroy()
  await once(response, 'close')
  expect(answer).toThrow(lost)
})

test('a small answer that still waits for its browser is not over, and lost when that leaves', async () => {
  const { browser, response, answer } = await asked()
  browser.pause()
  response.socket?.write(Buffer.alloc(32 * 1024 * 1024))
  const sending = answer()
  expect(sending).toBeInstanceOf(Promise)
  browser.resetAndDestroy()
  await expect(sending).rejects.toEqual(lost)
})

test('pieces of a large answer are given back when the browser has them, not before', async () => {
  const { browser, response, answer } = await asked()
  browser.pause()
  response.socket?.write(Buffer.alloc(32 * 1024 * 1024))
  const pieces = ['a', 'b'].map((letter) => Buffer.alloc(60_000, letter))
  const answered = answer(pieces) as Promise<void>
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(pieces.map(({ length }) => length)).toEqual([60_000, 60_000])
  const read = text(browser)
  await answered
  expect((await read).endsWith('a'.repeat(60_000) + 'b'.repeat(60_000))).toBe(true)
  expect(pieces.map(({ length }) => length)).toEqual([0, 0])
})

test('what is asked in a session that ended meanwhile reaches no device', async () => {
  const client = { request: vi.fn(), openWebSocket: vi.fn() }
  const record = { failed: vi.fn(), closed: vi.fn() }
  const session = { isEnded: true, cuts: new Cuts() }
  const device = { timeouts: {} }
  const wanted = { view, path: '/', jar: new CookieJar(), device, session, client, record }
  const admitted = wanted as unknown as Admitted
  const { request, response } = await asked()
  const head = browserHeadOf(request)
  const ended = expect.objectContaining({ code: 'SESSION_ENDED' })
  const gone = new Departure()
  await expect(forward({ request, response, head, gone }, admitted)).rejects.toEqual(ended)
  const upgrade = { request, socket: new PassThrough(), head: Buffer.alloc(0) }
  await expect(forwardWebSocket(upgrade, admitted)).rejects.toEqual(ended)
  expect(client.request).not.toHaveBeenCalled()
  expect(client.openWebSocket).not.toHaveBeenCalled()
  expect([record.failed.mock.calls, record.closed.mock.calls]).toEqual([
    [['SESSION_ENDED', 'gateway']],
    [[1011, { in: 0, out: 0 }]],
  ])
})
