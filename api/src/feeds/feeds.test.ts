import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuditEvent } from '@travessia/schemas/api'
import type { FeedKind } from '@travessia/schemas/feeds'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { handle } from '../domain/decider.ts'
import { feed as decider } from '../domain/feed.ts'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { Users } from '../identity/users.ts'
import { Vault } from '../identity/vault.ts'
import { append, event } from '../store/conformance-events.ts'
import type { EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { Views } from '../views/views.ts'
import { Feeds, type FeedsDeps } from './feeds.ts'
import { newWebhookSecret } from './webhook.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-feeds-'))
const secret = newWebhookSecret()
let files = 0
let deps: FeedsDeps
let store: EventStore
let feeds: Feeds
let tenantId: string

beforeEach(async () => {
  files += 1
  const log = pino({ level: 'silent' })
  store = await createSqliteStore(join(directory, `${files}-events.db`))
  const views = new Views({ store, path: join(directory, `${files}-views.db`), log })
  await views.start()
  const database = openSecretsDatabase(join(directory, `${files}-secrets.db`))
  const vault = new Vault(database, '0'.repeat(64))
  tenantId = newId()
  const users = new Users(database)
  const rest = { nodeId: newId(), isDemo: true, now: Date.now, log, sendMs: 300, retryMs: 5 }
  const filesDir = join(directory, `${files}-feeds`)
  deps = { store, views, database, vault, users, filesDir, ...rest }
  feeds = new Feeds(deps)
  await feeds.start()
})
afterEach(async () => {
  await feeds.stop()
  await deps.views.stop()
  await store.close()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** As the route adds one. */
async function add(url: string, kind: FeedKind): Promise<string> {
  const id = newId()
  const { host } = feeds.targetOf({ tenantId, id }, url)
  const context = event()
  feeds.seal({ tenantId, id }, { url, secret: kind === 'webhook' ? secret : null })
  const intent = { type: 'AddFeed', name: 'SIEM', kind, host } as const
  const stream = { tenantId, streamKind: 'feed', streamId: id } as const
  const { position } = await handle(store, decider, stream, intent, context)
  await deps.views.until(position)
  await feeds.refresh(tenantId, id)
  return id
}

async function placeOf(id: string) {
  const row = await deps.views.feeds.get(tenantId, id)
  if (!row) throw new TypeError('no feed')
  return feeds.placeOf(row)
}

type Taken = { readonly headers: IncomingMessage['headers']; readonly body: string }
type Answer = (response: ServerResponse, taken: Taken, count: number) => void

/** A receiver that answers as it is told to; `taken` is what it said yes to. */
async function receiver(answer: Answer = (response) => response.end()) {
  const asked: Taken[] = []
  const taken: Taken[] = []
  const server = createHttp((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      const one = { headers: request.headers, body }
      asked.push(one)
      answer(response, one, asked.length)
      if (response.writableEnded && response.statusCode < 300) taken.push(one)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/in?key=1`, asked, taken, server }
}

function positionsOf(taken: readonly Taken[]): number[] {
  return taken.flatMap(({ body }) =>
    body
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as AuditEvent).position),
  )
}

async function write(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await store.append(append({ tenantId }))
}

const span = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i)

test('a webhook gets every event of its customer from its adding on, in order, each once, signed', async () => {
  await write(3)
  const { url, taken } = await receiver()
  await add(url, 'webhook')
  await store.append(append())
  await write(250)
  await vi.waitFor(() => expect(positionsOf(taken)).toHaveLength(251), 10_000)
  expect(positionsOf(taken)).toEqual([4, ...span(6, 255)])
  for (const { headers, body } of taken) {
    const [id, time] = [headers['webhook-id'], headers['webhook-timestamp']]
    const mac = createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
    mac.update(`${id}.${time}.${body}`)
    expect(headers['webhook-signature']).toBe(`v1,${mac.digest('base64')}`)
    expect(Math.abs(Number(time) - Date.now() / 1000)).toBeLessThan(30)
    expect(headers['content-type']).toContain('application/jsonl')
  }
  expect(new Set(taken.map(({ headers }) => headers['webhook-id'])).size).toBe(taken.length)
})

test('while its place cannot be written down a feed sends the batch again, and goes on when it can', async () => {
  const { url, taken } = await receiver()
  const id = await add(url, 'webhook')
  await vi.waitFor(() => expect(positionsOf(taken)).toEqual([1]), 10_000)
  deps.database.exec('pragma query_only = on')
  await write(2)
  await vi.waitFor(() => expect(taken.length).toBeGreaterThan(6), 10_000)
  expect(new Set(positionsOf(taken))).toEqual(new Set([1, 2, 3]))
  deps.database.exec('pragma query_only = off')
  await vi.waitFor(async () => expect(await placeOf(id)).toMatchObject({ error: null }), 10_000)
  await write(1)
  await vi.waitFor(() => expect(positionsOf(taken).at(-1)).toBeGreaterThan(3), 10_000)
})

test('a receiver that refuses, redirects, hangs and breaks off gets the same batch until it takes it; nothing is skipped', async () => {
  const other = await receiver()
  const faults: Answer[] = [
    (response) => response.writeHead(503).end(),
    (response) => response.writeHead(302, { location: other.url }).end(),
    () => undefined,
    (response) => response.destroy(),
    (response) => response.writeHead(410).end(),
  ]
  const { url, asked, taken } = await receiver((response, taken, count) =>
    (faults[count - 1] ?? ((last) => last.end()))(response, taken, count),
  )
  const id = await add(url, 'webhook')
  await vi.waitFor(() => expect(taken.length).toBeGreaterThan(0), 10_000)
  const untilTaken = asked.slice(0, faults.length + 1)
  expect(new Set(untilTaken.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  expect(other.asked).toEqual([])
  await write(2)
  await vi.waitFor(
    async () => expect((await placeOf(id)).position).toBe(await store.head()),
    10_000,
  )
  expect(positionsOf(taken)).toEqual(span(1, await store.head()))
  expect(await placeOf(id)).toMatchObject({ failingSince: null, error: null })
  const said = await store.query({ tenantId, types: ['AuditFeedFailing'], limit: 10 })
  expect(said.items.map(({ data }) => data)).toEqual([{ errorCode: 'FEED_REFUSED', position: 0 }])
})

test('a feed that fails says since when and why, and for how long it may', async () => {
  const { url, server } = await receiver()
  server.close()
  const id = await add(url, 'webhook')
  await vi.waitFor(async () =>
    expect(await placeOf(id)).toMatchObject({
      ...{ position: 0, error: 'FEED_UNREACHABLE', deliveredAt: null },
      failingSince: expect.any(String),
    }),
  )
})

test('a start goes on where each feed had come, and one that was suspended or removed sends nothing', async () => {
  const { url, taken } = await receiver()
  const id = await add(url, 'webhook')
  await vi.waitFor(async () => expect((await placeOf(id)).position).toBe(1), 10_000)
  await feeds.stop()
  await write(2)
  feeds = new Feeds(deps)
  await feeds.start()
  await vi.waitFor(() => expect(positionsOf(taken)).toEqual([1, 2, 3]), 10_000)
  const stream = { tenantId, streamKind: 'feed', streamId: id } as const
  const { position } = await handle(store, decider, stream, { type: 'RemoveFeed' }, event())
  await deps.views.until(position)
  await feeds.refresh(tenantId, id)
  await write(2)
  await new Promise((done) => setTimeout(done, 600))
  expect(positionsOf(taken)).toEqual([1, 2, 3])
})

test('a log that was restored from a backup is sent from the adding of the feed on', async () => {
  const { url, taken } = await receiver()
  const id = await add(url, 'webhook')
  await vi.waitFor(() => expect(taken).toHaveLength(1), 10_000)
  await feeds.stop()
  deps.database.prepare('update feed_place set position = 999 where feed = ?').run(id)
  feeds = new Feeds(deps)
  await feeds.start()
  await vi.waitFor(() => expect(positionsOf(taken)).toEqual([1, 1]), 10_000)
})

/** Reads to the end, then ends too, unless it breaks off first. */
async function syslogReceiver(breaks = 0) {
  const taken: string[] = []
  let count = 0
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    count += 1
    let text = ''
    if (count <= breaks) {
      socket.once('data', () => socket.resetAndDestroy())
      return
    }
    socket.setEncoding('utf8').on('data', (more: string) => {
      text += more
    })
    socket.on('end', () => {
      taken.push(text)
      socket.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `syslog+tcp://127.0.0.1:${port}`, taken }
}

/** Messages by their octet counts [RFC 6587 3.4.1]. */
function framesOf(text: string): string[] {
  const bytes = Buffer.from(text)
  const frames: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at)
    const length = Number(bytes.subarray(at, space).toString())
    frames.push(bytes.subarray(space + 1, space + 1 + length).toString())
    at = space + 1 + length
  }
  return frames
}

test('syslog gets the same as RFC 5424 messages counted in octets, and again what broke off', async () => {
  const { url, taken } = await syslogReceiver(2)
  await add(url, 'syslog')
  await store.append(append({ tenantId, events: [event({ correlationId: 'ção €' })] }))
  await vi.waitFor(() => expect(taken.flatMap(framesOf)).toHaveLength(2), 10_000)
  const [, frame = ''] = taken.flatMap(framesOf)
  const [head, json = ''] = frame.split(/ - (?={)/)
  expect(head).toMatch(
    /^<109>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z travessia travessia - UserSignedOut$/,
  )
  expect(JSON.parse(json)).toMatchObject({ position: 2, correlationId: 'ção €' })
})

/** What a shipper reads: the whole lines of all files, in their order. */
function shipped(id: string): number[] {
  const folder = join(deps.filesDir, tenantId, id)
  return readdirSync(folder)
    .toSorted()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1))
    .map((line) => (JSON.parse(line) as AuditEvent).position)
}

test('a feed into files has every event once, whole, and goes on where it was', async () => {
  const id = await add('file:', 'file')
  await write(250)
  await vi.waitFor(() => expect(shipped(id)).toEqual(span(1, 251)), 10_000)
  await feeds.stop()
  const folder = join(deps.filesDir, tenantId, id)
  appendFileSync(join(folder, readdirSync(folder)[0] ?? ''), '{"position":2')
  await write(2)
  feeds = new Feeds(deps)
  await feeds.start()
  await vi.waitFor(() => expect(shipped(id)).toEqual(span(1, 253)), 10_000)
})

test('killed between line and place: the batch is there twice, and nothing is missing', async () => {
  const id = await add('file:', 'file')
  await vi.waitFor(async () => expect((await placeOf(id)).position).toBe(1), 10_000)
  await feeds.stop()
  feeds.forget({ tenantId, id })
  feeds.seal({ tenantId, id }, { url: 'file:', secret: null })
  feeds = new Feeds(deps)
  await feeds.start()
  await vi.waitFor(() => expect(shipped(id)).toEqual([1, 1]), 10_000)
})

test('changed by many at once it still sends everything once', async () => {
  const { url, taken } = await receiver()
  const id = await add(url, 'webhook')
  await Promise.all(span(1, 8).map(() => feeds.inTurn(() => feeds.refresh(tenantId, id))))
  await write(20)
  await vi.waitFor(async () => expect((await placeOf(id)).position).toBe(21), 10_000)
  expect(new Set(taken.map(({ headers }) => headers['webhook-id'])).size).toBe(taken.length)
  await feeds.inTurn(() => feeds.stop())
  await write(2)
  await new Promise((done) => setTimeout(done, 600))
  expect(Math.max(...positionsOf(taken))).toBe(21)
})
