import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { EventFilter, EventStore } from '../store/event-store.ts'
import { type Cast, cast, fill, manyAppends } from '../store/many-events.fixture.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { type ExportFormat, exportedLines } from './export.ts'
import type { ReadingDeps } from './reading.ts'

const events = 20_000
const directory = mkdtempSync(join(tmpdir(), 'travessia-export-'))
let store: EventStore
let people: Cast
let pages = 0

const nobody = { get: async () => undefined, described: async () => undefined }
const deps = {
  views: { agents: nobody, devices: nobody, installations: nobody },
  users: { nameOf: () => 'somebody' },
} as unknown as ReadingDeps
const app = Fastify({ forceCloseConnections: true })
app.get('/:format', (request, reply) => {
  const { format } = request.params as { format: ExportFormat }
  return reply.send(lines(format))
})

/** As the route makes it; counts what is read. */
function lines(format: ExportFormat, wanted: Partial<EventFilter> = {}, reach?: number): Readable {
  const filter = { tenantId: people.tenantId, ...wanted }
  const counted = {
    query: (asked: EventFilter) => {
      pages += 1
      return store.query(asked, reach)
    },
  }
  const order = { filter, format, language: 'en', signal: new AbortController().signal } as const
  return Readable.from(exportedLines({ ...deps, store: counted }, order))
}

beforeAll(async () => {
  store = await createSqliteStore(join(directory, 'events.db'))
  people = cast()
  await fill(store, manyAppends(people, events))
  await app.listen({ port: 0 })
}, 60_000)
afterAll(async () => {
  await app.close()
  await store.close()
  rmSync(directory, { recursive: true, force: true })
})

async function download(format: ExportFormat): Promise<IncomingMessage> {
  pages = 0
  const { port } = app.server.address() as AddressInfo
  const [response] = await once(get(`http://localhost:${port}/${format}`), 'response')
  return response as IncomingMessage
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text
}

test('a whole log comes out line by line, newest first, each event once', async () => {
  const lines = (await textOf(await download('jsonl'))).trimEnd().split('\n')
  const indexes = lines.map((line) => (JSON.parse(line) as { logIndex: number }).logIndex)
  const made = (await store.head()) - 1
  expect(indexes).toEqual(Array.from({ length: made + 1 }, (_, i) => made - i))
  const rows = (await textOf(await download('csv'))).split('\r\n')
  expect(rows).toHaveLength(made + 3)
}, 60_000)

test('what is rare comes out whole, from pages that look at so many events and no more', async () => {
  const wanted = { actorId: people.users[0] ?? '', types: ['SessionOpened'] as const }
  const filter = { tenantId: people.tenantId, ...wanted, limit: events }
  const { items } = await store.query(filter, events)
  pages = 0
  const rows = (await text(lines('jsonl', wanted, 20))).trimEnd().split('\n')
  const places = rows.map((row) => (JSON.parse(row) as { position: number }).position)
  expect(places).toEqual(items.map(({ position }) => position))
  expect(pages).toBeGreaterThan(items.length / 20)
})

test('whoever does not read is waited for: a page or two are read, not the log', async () => {
  pages = 0
  const stream = lines('jsonl')
  await once(stream, 'readable')
  await new Promise((done) => setTimeout(done, 300))
  expect(pages).toBeLessThan(3)
  stream.destroy()
})

test('whoever goes away stops the reading', async () => {
  const response = await download('jsonl')
  await once(response, 'readable')
  response.destroy()
  await vi.waitFor(async () => {
    const read = pages
    await new Promise((done) => setTimeout(done, 200))
    expect(pages).toBe(read)
  }, 10_000)
  expect(pages).toBeLessThan(events / 200)
})
