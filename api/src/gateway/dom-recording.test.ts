import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { maxBatchBytes, maxPieces } from '@travessia/schemas/dom-recording'
import { TravessiaError } from '@travessia/schemas/errors'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { batchesAtOnce } from './dom-recording.ts'
import {
  listen,
  type Session,
  startGateway,
  type TestGateway,
  tenantId,
} from './gateway.fixture.ts'
import { redactAddresses } from './redact-text.ts'

let node: TestGateway
let deviceServer: Server
const policy = "default-src 'self'; connect-src 'none'"

beforeAll(async () => {
  const { server, url } = await listen((request, response) => {
    response.setHeader('content-type', 'text/html')
    response.setHeader('content-security-policy', policy)
    const mark = `<meta http-equiv="content-security-policy" content="connect-src 'none'; img-src *">`
    const head = `${request.url === '/meta' ? mark : ''}<title>x</title>`
    response.end(`<html><head>${head}</head><body>${request.url}</body></html>`)
  })
  deviceServer = server
  node = await startGateway(url)
})
afterAll(async () => {
  await node.stop()
  deviceServer.close()
})

afterEach(() => vi.restoreAllMocks())

/** The clock of the node goes this much faster. */
function advance(ms: number): void {
  const now = Date.now()
  vi.restoreAllMocks()
  const offset = now + ms - Date.now()
  vi.spyOn(Date, 'now').mockImplementation(
    () => performance.timeOrigin + performance.now() + offset,
  )
}

const storedOf = async ({ id }: Session) =>
  (await node.factsOf(id)).flatMap((fact) =>
    fact.type === 'DomRecordingStored' ? [fact.data] : [],
  )

const gapsOf = async ({ id }: Session, of: TestGateway = node) =>
  (await of.factsOf(id, 'RecordingGapDetected')).flatMap((fact) =>
    fact.type === 'RecordingGapDetected' ? [fact.data] : [],
  )

const openOf = async (capture: 'heads' | 'bodies' | 'dom') =>
  node.open(await node.register({ capture }))
const document = { headers: { 'sec-fetch-dest': 'document', accept: 'text/html' } }
const events = [
  { type: 4, timestamp: 1_000, data: { href: 'http://x' } },
  { type: 2, timestamp: 3_500, data: {} },
]
const batch = (change: object = {}) => JSON.stringify({ page: 'abc', events, ...change })
const piece = { event: 0, index: 0, count: 2, text: 'x' }
const post = (
  session: Session,
  body: string,
  headers: Record<string, string> = {},
  to: TestGateway = node,
) =>
  to.get(session, '/__travessia/dom', {
    method: 'POST',
    body,
    headers: { origin: `http://${session.host}`, 'sec-fetch-site': 'same-origin', ...headers },
  })

/** Its body is still to be sent. */
function beginUpload({ host, cookie }: Session, length: string): Socket {
  const socket = connect(node.parts.port, '127.0.0.1')
  socket.on('error', () => undefined)
  const head = `POST /__travessia/dom HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n`
  const origin = `Origin: http://${host}\r\nSec-Fetch-Site: same-origin\r\n`
  socket.write(`${head}${origin}${length}\r\n\r\n`)
  return socket
}

test('a page gets the script that records it, and its policy lets it, only where the device is recorded', async () => {
  const session = await openOf('dom')
  const { body, headers } = await node.get(session, '/', document)
  const script = `http://${session.host}/__travessia/shim.js`
  expect(String(body)).toBe(
    `<html><head><script src="${script}"></script><title>x</title></head><body>/</body></html>`,
  )
  expect(headers['content-security-policy']).toContain(
    `default-src 'self' ${script}; connect-src http://${session.host}/__travessia/dom`,
  )
  const recorder = String((await node.get(session, '/__travessia/shim.js')).body)
  expect(recorder).toContain('maskInputOptions: masked')
  expect(() => new Function(recorder)).not.toThrow()
  for (const capture of ['heads', 'bodies'] as const) {
    const other = await openOf(capture)
    const answer = await node.get(other, '/', document)
    expect(String(answer.body)).toBe('<html><head><title>x</title></head><body>/</body></html>')
    expect(String((await node.get(other, '/__travessia/shim.js')).body)).not.toContain('record(')
  }
})

test('a policy that the page says itself lets the recorder send, too', async () => {
  const session = await openOf('dom')
  expect(String((await node.get(session, '/meta', document)).body)).toContain(
    `content="connect-src http://${session.host}/__travessia/dom; img-src *"`,
  )
})

test('what a script of the page reads is not touched', async () => {
  const session = await openOf('dom')
  const sent = { headers: { 'sec-fetch-dest': 'empty', accept: '*/*' } }
  expect(String((await node.get(session, '/part', sent)).body)).not.toContain('script')
})

test('a batch is kept for the person of the session, named by a fact with times of the node', async () => {
  const session = await openOf('dom')
  expect((await post(session, batch())).status).toBe(204)
  const facts = await node.factsOf(session.id, 'DomRecordingStored')
  const fact = facts.find(({ type }) => type === 'DomRecordingStored')
  if (fact?.type !== 'DomRecordingStored') throw new Error('no fact')
  expect(fact.data).toMatchObject({ events: 2, bytes: batch().length })
  expect(Date.parse(fact.data.lastAt) - Date.parse(fact.data.firstAt)).toBe(2_500)
  expect(Math.abs(Date.parse(fact.data.lastAt) - Date.now())).toBeLessThan(10_000)
  expect(String(await node.parts.blobs.get(tenantId, fact.data.ref))).toBe(batch())
})

test.each([
  ['no JSON', '{'],
  ['no events', batch({ events: [] })],
  ['another form', batch({ events: [{ type: 9, timestamp: 1, data: {} }] })],
  ['no page', batch({ page: '../x' })],
  ['more than it should', batch({ more: 1 })],
  ['a piece of too many', JSON.stringify({ page: 'abc', piece: { ...piece, index: maxPieces } })],
])(
  'a batch with %s is refused, and nothing of it is kept but that there was one',
  async (_what, body) => {
    const session = await openOf('dom')
    expect((await post(session, body)).status).toBe(400)
    expect(await gapsOf(session)).toMatchObject([{ cause: 'malformed', parts: 1 }])
    expect(await storedOf(session)).toEqual([])
  },
)

test('a batch that is too large is refused, and the log has the gap', async () => {
  const session = await openOf('dom')
  expect((await post(session, batch())).status).toBe(204)
  expect((await post(session, 'x'.repeat(maxBatchBytes + 1))).status).toBe(413)
  const [gap] = await gapsOf(session)
  expect(gap).toMatchObject({ cause: 'too-large', parts: 1 })
  const [stored] = await storedOf(session)
  expect(Date.parse(gap?.from ?? '')).toBeGreaterThanOrEqual(Date.parse(stored?.lastAt ?? ''))
  expect(Date.parse(gap?.to ?? '')).toBeGreaterThanOrEqual(Date.parse(gap?.from ?? ''))
})

test('a batch that breaks off on its way is a gap', async () => {
  const session = await openOf('dom')
  const socket = beginUpload(session, 'Content-Length: 900')
  socket.write('{"page":', () => socket.destroy())
  expect(await gapsOf(session)).toMatchObject([{ cause: 'unsent' }])
})

test('an upload without a length that is too large is cut, and a gap', async () => {
  const session = await openOf('dom')
  const socket = beginUpload(session, 'Transfer-Encoding: chunked')
  const ended = new Promise((resolve) => socket.once('close', resolve))
  socket.write(`100001\r\n${'x'.repeat(maxBatchBytes + 1)}`)
  await ended
  expect(await gapsOf(session)).toMatchObject([{ cause: 'too-large', parts: 1 }])
})

test('what uploads of all sessions hold is bounded: another one is refused, a gap, until they have ended', async () => {
  const slow: Socket[] = []
  for (let begun = 0; begun < 8; begun += 1) {
    const session = await openOf('dom')
    for (let more = 0; more < 4; more += 1)
      slow.push(beginUpload(session, `Content-Length: ${maxBatchBytes}`))
  }
  for (const socket of slow) socket.write('x'.repeat(maxBatchBytes - 1))
  const session = await openOf('dom')
  const other = async () => (await post(session, batch())).status
  const slowly = { interval: 600, timeout: 20_000 }
  await expect.poll(other, slowly).toBe(503)
  expect(await gapsOf(session)).toMatchObject([{ cause: 'busy', parts: 1 }])
  for (const socket of slow) socket.destroy()
  await expect.poll(other, slowly).toBe(204)
})

test.each(['too-large', 'unsent', 'broken'])(
  'what the recorder says that it could not send is a gap: %s',
  async (lost) => {
    const session = await openOf('dom')
    expect((await post(session, JSON.stringify({ page: 'abc', lost }))).status).toBe(204)
    expect(await gapsOf(session)).toMatchObject([{ cause: lost, parts: 1 }])
    expect(await storedOf(session)).toEqual([])
  },
)

test.each([
  ['full', new TravessiaError('BLOBS_FULL')],
  ['store', new Error('EIO')],
])('what the store of blobs refuses is a gap: %s', async (cause, error) => {
  const broken = await startGateway(node.parts.deviceUrl, () => () => Promise.reject(error))
  const session = await broken.open(await broken.register({ capture: 'dom' }))
  expect((await post(session, batch(), {}, broken)).status).toBeGreaterThanOrEqual(500)
  expect(await gapsOf(session, broken)).toMatchObject([{ cause, parts: 1 }])
  await broken.stop()
})

test('a gateway that stops has told of everything that it refused', async () => {
  const other = await startGateway(node.parts.deviceUrl)
  const session = await other.open(await other.register({ capture: 'dom' }))
  for (let sent = 0; sent < 3; sent += 1) await post(session, '{', {}, other)
  await other.parts.gateway.stop()
  expect(await gapsOf(session, other)).toMatchObject([{ parts: 1 }, { parts: 2 }])
  await other.stop()
})

test('a page cannot fill the log: more batches than its share are refused', async () => {
  const session = await openOf('dom')
  // However long it takes, no time passes in which it would get more.
  vi.spyOn(Date, 'now').mockReturnValue(Date.now())
  const statuses: number[] = []
  for (let sent = 0; sent < batchesAtOnce + 1; sent += 1)
    statuses.push((await post(session, batch())).status)
  expect(statuses).toEqual([...Array(batchesAtOnce).fill(204), 429])
  expect(await gapsOf(session)).toMatchObject([{ cause: 'rate', parts: 1 }])
})

test('a session has four uploads under way and no more, until one of them has ended', async () => {
  const session = await openOf('dom')
  const slow = [1, 2, 3, 4].map(() => beginUpload(session, 'Content-Length: 900'))
  const other = async () => (await post(session, batch())).status
  const slowly = { interval: 600, timeout: 20_000 }
  await expect.poll(other, slowly).toBe(429)
  expect(await gapsOf(session)).toMatchObject([{ cause: 'rate', parts: 1 }])
  expect((await post(await openOf('dom'), batch())).status).toBe(204)
  for (const socket of slow) socket.destroy()
  await expect.poll(other, slowly).toBe(204)
})

test('a session is recorded up to its limit, and the log says that it was not enough', async () => {
  const session = await openOf('dom')
  const large = batch({ events: [{ type: 3, timestamp: 1, data: 'x'.repeat(1_040_000) }] })
  const statuses: number[] = []
  for (let sent = 0; sent < 24; sent += 1) {
    statuses.push((await post(session, large)).status)
    advance(1_000)
  }
  expect(statuses).toEqual([...Array(21).fill(204), ...Array(3).fill(413)])
  const [stored, gap] = [(await storedOf(session)).at(-1), (await gapsOf(session))[0]]
  expect(gap).toMatchObject({ cause: 'session-limit', parts: 1 })
  expect(Date.parse(gap?.from ?? '')).toBeGreaterThanOrEqual(Date.parse(stored?.lastAt ?? ''))
  expect(Date.parse(gap?.to ?? '')).toBeGreaterThan(Date.parse(gap?.from ?? ''))
})

test('an event that is too large for a message is kept in pieces, each as it came', async () => {
  const session = await openOf('dom')
  const bodies = [0, 1].map((index) =>
    JSON.stringify({ page: 'abc', piece: { ...piece, index, text: 'x'.repeat(1_040_000) } }),
  )
  for (const body of bodies) expect((await post(session, body)).status).toBe(204)
  const stored = await storedOf(session)
  expect(stored.map(({ events }) => events)).toEqual([0, 1])
  const kept = await Promise.all(stored.map(({ ref }) => node.parts.blobs.get(tenantId, ref)))
  expect(kept.map(String)).toEqual(bodies)
})

test('secrets in addresses of a page are taken out before it is kept, and all else stays as it came', async () => {
  const session = await openOf('dom')
  const pageOf = (secret: string) => [
    { type: 4, timestamp: 1, data: { href: `http://x/a.fcgi?session=${secret}&n=1`, width: 1 } },
    {
      ...{ type: 2, timestamp: 2 },
      data: {
        node: {
          tagName: 'form',
          attributes: {
            ...{ action: `/b?token=${secret}`, src: `/c?r=%2Fd%3Fpin%3D${secret}` },
            srcset: `/e?sid=${secret} 1x, /f?n=1 2x`,
            style: `background:url("/g?jwt=${secret}");color:red`,
            _cssText: `a{b:url(/h?key=${secret})}c{d:e}`,
          },
          childNodes: [{ type: 3, textContent: `é "a" \\ http://u:${secret}@y/` }],
        },
      },
    },
    {
      type: 3,
      timestamp: 3,
      data: { source: 0, attributes: [{ attributes: { href: `?auth=${secret}` } }] },
    },
  ]
  expect((await post(session, batch({ events: pageOf('canary') }))).status).toBe(204)
  const text = JSON.stringify(JSON.stringify(pageOf('canary')))
  const inPiece = `{"page":"abc","piece":{"event":0,"index":0,"count":2,"text":${text}}}`
  expect((await post(session, inPiece)).status).toBe(204)
  const stored = await storedOf(session)
  const [kept = '', ofPiece = ''] = await Promise.all(
    stored.map(async ({ ref }) => String(await node.parts.blobs.get(tenantId, ref))),
  )
  const clean = JSON.stringify(pageOf('[redacted]')).replace('u:[redacted]@', '[redacted]@')
  expect(JSON.stringify(JSON.parse(kept).events)).toBe(clean)
  expect(JSON.parse(ofPiece).piece.text).toBe(clean)
  expect(stored[0]).toMatchObject({
    bytes: Buffer.byteLength(kept),
    digest: `sha256:${createHash('sha256').update(kept).digest('hex')}`,
  })
})

test('the recorder cuts no address in two, whose secret the node could not see then', () => {
  const own = readFileSync(new URL('shim/recorder.js', import.meta.url), 'utf8')
  const split = new Function('window', `${own}; return split`)({}) as (text: string) => string[]
  const addresses = Array.from({ length: 9_000 }, (_, i) => `/x?token=${i}${'canary'.repeat(40)}`)
  const parts = split(JSON.stringify(addresses)).map((part) => JSON.parse(part) as string)
  expect(parts.length).toBeGreaterThan(2)
  expect(JSON.parse(parts.join(''))).toEqual(addresses)
  for (const part of parts) expect(redactAddresses(part)).not.toContain('canary')
  const data = split('x'.repeat(2_000_000))
  expect(data.map((part) => JSON.parse(part)).join('')).toBe('x'.repeat(2_000_000))
})

test('nothing is taken for a device that is not recorded, from another site, or without the cookie', async () => {
  expect((await post(await openOf('bodies'), batch())).status).toBe(404)
  const session = await openOf('dom')
  expect((await post(session, batch(), { origin: 'http://evil.example' })).status).toBe(403)
  expect((await post({ ...session, cookie: 'x=1' }, batch())).status).toBe(403)
  expect((await node.get(session, '/__travessia/dom')).status).toBe(404)
})
