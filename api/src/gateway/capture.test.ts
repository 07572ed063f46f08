import { createHash, randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import type { BodyFacts } from '@travessia/schemas/captured'
import { TravessiaError } from '@travessia/schemas/errors'
import type { RecordedEvent } from '@travessia/schemas/events'
import { afterEach, expect, test } from 'vitest'
import { BodyCopy, CopyRoom, maxCopyBytes } from './body-copy.ts'
import { maxSessionBytes } from './capture.ts'
import { listen, type Put, startGateway, tenantId } from './gateway.fixture.ts'

const stops: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function setUp(device: RequestListener, putOf?: () => Put, copyMs?: number) {
  const { server, url } = await listen(device)
  const gateway = await startGateway(url, putOf, copyMs)
  stops.push(
    async () => void server.closeAllConnections(),
    () => gateway.stop(),
  )
  const row = await gateway.register({ capture: 'bodies' })
  return { gateway, row, session: await gateway.open(row) }
}

type Set = Awaited<ReturnType<typeof setUp>>

async function answerOf({ gateway, session }: Pick<Set, 'gateway' | 'session'>) {
  const facts = await gateway.factsOf(session.id, 'HttpResponseReceived')
  const found = facts.findLast(({ type }) => type === 'HttpResponseReceived')
  return (found as RecordedEvent<'HttpResponseReceived'>).data
}

async function keptOf({ gateway }: Set, { ref = '' }: BodyFacts): Promise<string> {
  return String(await gateway.parts.blobs.get(tenantId, ref))
}

const digestOf = (bytes: string | Buffer) =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`

test('both bodies are kept without their secrets, and of those the event has the digests of the copies only', async () => {
  const set = await setUp(async (request, response) => {
    await buffer(request)
    response.setHeader('content-type', 'application/json; Charset=UTF-8')
    response.end('{"session":"canary-answer","ok":true}')
  })
  const body = '{"login":"admin","password":"canary-request"}'
  const headers = { 'content-type': 'application/json' }
  await set.gateway.get(set.session, '/login.fcgi', { method: 'POST', headers, body })
  const { requestBody, responseBody } = await answerOf(set)
  for (const facts of [requestBody, responseBody]) {
    expect(facts).not.toHaveProperty('digest')
    expect(facts).toMatchObject({ digestLeftOut: 'secret' })
  }
  expect(requestBody.bytes).toBe(body.length)
  const kept = '{"login":"admin","password":"[redacted]"}'
  expect(await keptOf(set, requestBody)).toBe(kept)
  expect(requestBody).toMatchObject({ copyBytes: kept.length, copyDigest: digestOf(kept) })
  expect(await keptOf(set, responseBody)).toBe('{"session":"[redacted]","ok":true}')
  expect(responseBody.mediaType).toBe('application/json; charset=utf-8')
  expect(responseBody).not.toHaveProperty('truncated')
})

test('with the policy `heads` nothing is kept, and nothing is said of it', async () => {
  const { gateway } = await setUp((_request, response) => response.end('hello'))
  const session = await gateway.open(await gateway.register())
  await gateway.get(session, '/')
  const { responseBody } = await answerOf({ gateway, session })
  expect(responseBody).toEqual({ bytes: 5, digest: digestOf('hello') })
  expect(gateway.parts.blobs.usedBytes).toBe(0)
})

async function sent(headers: Record<string, string>, body: string | Buffer, capture?: 'bodies') {
  const { gateway } = await setUp(
    (request, response) => void buffer(request).then(() => response.end('{"pin":"1234"}')),
  )
  const session = await gateway.open(await gateway.register(capture ? { capture } : {}))
  await gateway.get(session, '/login.fcgi', { method: 'POST', headers, body })
  return { ...(await answerOf({ gateway, session })), gateway }
}

test.each([
  ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'login=admin&password=admin'],
  ['JSON', { 'content-type': 'application/json' }, '{"login":"admin","password":"admin"}'],
  ['XML', { 'content-type': 'application/soap+xml' }, '<password>admin</password>'],
  ['a text', { 'content-type': 'text/plain' }, 'password: admin'],
  ['a body of no type', {}, 'password=admin'],
  ['a coded form', { 'content-encoding': 'gzip' }, gzipSync('password=admin')],
  [
    'a multipart form',
    { 'content-type': 'multipart/form-data; boundary=b' },
    '--b\r\nContent-Disposition: form-data; name="pin"\r\n\r\n1234\r\n--b--',
  ],
])(
  'with the policy `heads` the event has no digest of %s with a secret, nor a copy',
  async (_what, headers, body) => {
    const { requestBody, responseBody, gateway } = await sent(
      headers as Record<string, string>,
      body,
    )
    expect(requestBody).toEqual({ bytes: body.length, digestLeftOut: 'secret' })
    // An answer that is not kept is not looked into.
    expect(responseBody.digest).toMatch(/^sha256:/)
    expect(gateway.parts.blobs.usedBytes).toBe(0)
  },
)

test.each([
  ['without a secret', { 'content-type': 'application/json' }, '{"relay":1}'],
  [
    'of a kind that names nothing',
    { 'content-type': 'application/octet-stream' },
    'password=admin',
  ],
  ['that is long', { 'content-type': 'text/plain' }, 'x'.repeat(200_000)],
])(
  'with the policy `heads` the event has the digest of a request %s',
  async (_what, headers, body) => {
    expect((await sent(headers, body)).requestBody).toEqual({
      ...{ bytes: body.length, digest: digestOf(body) },
    })
  },
)

test('of a request that cannot be looked through there is no digest, and the event says why', async () => {
  const json = { 'content-type': 'application/json' }
  const wide = Buffer.from('{"password":"admin"}', 'utf16le')
  expect((await sent(json, wide)).requestBody).toEqual({ bytes: 40, digestLeftOut: 'unread' })
  expect((await sent(json, wide, 'bodies')).requestBody).toEqual({
    ...{ bytes: 40, digestLeftOut: 'unread', leftOut: 'coding' },
  })
})

test('an empty body has no copy', async () => {
  const set = await setUp((_request, response) => response.writeHead(204).end())
  await set.gateway.get(set.session, '/')
  expect(await answerOf(set)).toMatchObject({
    requestBody: { bytes: 0, digest: digestOf('') },
    responseBody: { bytes: 0, digest: digestOf('') },
  })
})

test('of a long body the beginning is kept, and said to be that; the browser gets all', async () => {
  const long = Buffer.alloc(maxCopyBytes + 70_000, 'abc')
  const set = await setUp((_request, response) => response.end(long))
  const answer = await set.gateway.get(set.session, '/')
  expect(answer.body.equals(long)).toBe(true)
  const { responseBody } = await answerOf(set)
  expect(responseBody).toMatchObject({ bytes: long.length, digest: digestOf(long) })
  expect(responseBody).toMatchObject({ truncated: true, copyBytes: maxCopyBytes })
  expect(await keptOf(set, responseBody)).toBe(long.toString('latin1', 0, maxCopyBytes))
})

test.each([
  ['gzip', gzipSync('{"token":"canary"}')],
  ['br', brotliCompressSync('{"token":"canary"}')],
])('a body in %s is kept decoded, or its secrets could not be seen', async (coding, coded) => {
  const set = await setUp((_request, response) =>
    response.setHeader('content-encoding', coding).end(coded),
  )
  await set.gateway.get(set.session, '/')
  const { responseBody } = await answerOf(set)
  expect(responseBody).toMatchObject({ digestLeftOut: 'secret' })
  expect(responseBody).not.toHaveProperty('digest')
  expect(await keptOf(set, responseBody)).toBe('{"token":"[redacted]"}')
})

test('what a small coded body becomes is bounded', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20))
  const set = await setUp((_request, response) =>
    response.setHeader('content-encoding', 'gzip').end(bomb),
  )
  await set.gateway.get(set.session, '/')
  const { responseBody } = await answerOf(set)
  expect(responseBody).toMatchObject({ copyBytes: maxCopyBytes, truncated: true })
})

test.each([
  ['an unknown coding', { 'content-encoding': 'own' }, 'x'],
  ['a broken one', { 'content-encoding': 'gzip' }, 'no gzip'],
  ['wide text', { 'content-type': 'text/plain' }, Buffer.from('\ufeff{"token":"x"}', 'utf16le')],
])('%s is left out, and the event says so', async (_what, headers, body) => {
  const set = await setUp((_request, response) => response.writeHead(200, headers).end(body))
  await set.gateway.get(set.session, '/')
  const { responseBody } = await answerOf(set)
  expect(responseBody).toMatchObject({ leftOut: 'coding' })
  expect(responseBody).not.toHaveProperty('ref')
})

test.each([
  ['is broken', 'store', async () => Promise.reject(new Error('EIO'))],
  ['is full', 'full', async () => Promise.reject(new TravessiaError('BLOBS_FULL'))],
  ['never answers', 'store', () => new Promise<never>(() => undefined), 1_000],
] as const)(
  'when the store of blobs %s, the exchange goes on and its event says it',
  async (_how, leftOut, put, copyMs?: number) => {
    const set = await setUp(
      (_request, response) => response.end('hello'),
      () => put,
      copyMs,
    )
    const answer = await set.gateway.get(set.session, '/')
    expect([answer.status, String(answer.body), answer.isWhole]).toEqual([200, 'hello', true])
    expect((await answerOf(set)).responseBody).toMatchObject({ bytes: 5, leftOut })
    const { views, store } = set.gateway.parts
    await views.until(await store.head())
    expect(await views.gaps.count(tenantId, set.session.id)).toMatchObject({ gaps: 1 })
  },
)

test('beyond what a session may keep bodies are left out', async () => {
  const set = await setUp((_request, response) => response.end('x'.repeat(1000)))
  const live = set.gateway.parts.sessions.find(set.session.id)
  if (!live) throw new TypeError('the session is not open')
  live.captured.bytes = maxSessionBytes - 999
  await set.gateway.get(set.session, '/')
  expect((await answerOf(set)).responseBody).toMatchObject({
    bytes: 1000,
    leftOut: 'session-limit',
  })
  expect(live.captured.bytes).toBe(maxSessionBytes - 999)
})

test('all copies of the node hold so much at once, and give it back', () => {
  const room = new CopyRoom(3000)
  const [first, second] = [new BodyCopy(room), new BodyCopy(room)]
  first.add(randomBytes(2000))
  second.add(randomBytes(800))
  second.add(randomBytes(300))
  expect([first.isBusy, second.isBusy]).toEqual([false, true])
  first.drop()
  first.drop()
  expect(room.take(3000)).toBe(true)
  expect(room.take(1)).toBe(false)
})
