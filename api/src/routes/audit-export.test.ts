import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { TravessiaError } from '@travessia/schemas/errors'
import type { RecordedEvent } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { EventStore } from '../store/event-store.ts'
import { cast, fill, manyAppends } from '../store/many-events.fixture.ts'
import { addExportRoute } from './audit-export.ts'
import { startRoutes } from './node.fixture.ts'

type Change = (store: EventStore) => Partial<Pick<EventStore, 'append' | 'query'>>

/** A log of some pages, and what is changed of its store for exports. */
async function start(change: Change = () => ({})) {
  const warn = vi.fn()
  const { app, services, tenantId, say, person } = await startRoutes((app, services) => {
    const { store } = services
    const changed = {
      append: store.append.bind(store),
      query: store.query.bind(store),
      ...change(store),
    }
    addExportRoute(app, { ...services, store: changed as EventStore, log: { warn } as never })
  })
  const { store } = services
  await fill(store, manyAppends({ ...cast(), tenantId }, 1_000))
  const { headers, userId } = await person('auditor')
  await app.listen({ port: 0 })
  const { port } = app.server.address() as AddressInfo
  const ask = async (format: string): Promise<IncomingMessage> => {
    const url = `http://localhost:${port}/api/audit/export?format=${format}`
    const [response] = await once(get(url, { headers, agent: false }), 'response')
    return response as IncomingMessage
  }
  const facts = async () => {
    const types = ['AuditExported', 'AuditExportEnded'] as const
    return (await store.query({ tenantId, types, limit: 10 })).items.toReversed()
  }
  const narrow = (...installationIds: string[]) =>
    say(userId, { type: 'RoleGranted', data: { userId, role: 'auditor', installationIds } })
  return { store, tenantId, ask, facts, warn, narrow }
}

/** The second of two, which comes when the connection is over. */
async function endOf(facts: () => Promise<RecordedEvent[]>) {
  await expect.poll(facts).toHaveLength(2)
  const [begun, ended] = await facts()
  expect([ended?.type, ended?.streamId]).toEqual(['AuditExportEnded', begun?.streamId])
  return ended?.data
}

const busy = () => Promise.reject(new TravessiaError('STORE_UNAVAILABLE'))

test.each(['csv', 'jsonl'])(
  'what went out as %s is in the log: how many events, how many bytes, and their hash',
  async (format) => {
    const { ask, facts } = await start()
    const file = await buffer(await ask(format))
    const sha256 = createHash('sha256').update(file).digest('hex')
    const rows = file.toString().trimEnd().split('\n')
    const events = rows.length - (format === 'csv' ? 1 : 0)
    const data = { outcome: 'complete', events, bytes: file.length, sha256 }
    expect(await endOf(facts)).toEqual(data)
    expect(events).toBeGreaterThan(1_000)
  },
)

test('of whoever sees some installations the log says which they were', async () => {
  const { ask, facts, narrow } = await start()
  const places = [newId(), newId()]
  await narrow(...places)
  await buffer(await ask('jsonl'))
  const [begun] = await facts()
  expect(begun?.data).toEqual({ format: 'jsonl', filter: { installationIds: places } })
})

test('an export goes on while its customer asks for as much as may be asked at once', async () => {
  const { store, tenantId, ask, facts } = await start()
  let isOver = false
  onTestFinished(() => {
    isOver = true
  })
  const lists = Array.from({ length: 40 }, async () => {
    while (!isOver)
      await store.query({ tenantId, limit: 50 }).catch(() => new Promise(setImmediate))
  })
  const file = await buffer(await ask('jsonl'))
  isOver = true
  await Promise.all(lists)
  expect(await endOf(facts)).toMatchObject({ outcome: 'complete', bytes: file.length })
})

test('a file that cannot go on is cut, so that whoever takes it sees a failure, and the log says so', async () => {
  let pages = 0
  const { ask, facts } = await start((store) => ({
    query: (...asked) => (++pages > 2 ? busy() : store.query(...asked)),
  }))
  const response = await ask('csv')
  expect(response.headers['transfer-encoding']).toBe('chunked')
  await expect(buffer(response)).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect(response.complete).toBe(false)
  expect(await endOf(facts)).toMatchObject({ outcome: 'broken', events: 400 })
})

test('what cannot begin is an answer and no file', async () => {
  const { ask, facts } = await start(() => ({ query: busy }))
  expect((await ask('csv')).statusCode).toBe(503)
  expect(await endOf(facts)).toMatchObject({ outcome: 'broken', events: 0, bytes: 0 })
})

test('who leaves in the middle has no whole file, and nothing is read for them any more', async () => {
  let pages = 0
  const second = Promise.withResolvers<void>()
  const refused = vi.fn()
  const { ask, facts } = await start((store) => ({
    query: async (filter, reach, whileHere) => {
      pages += 1
      if (pages === 2) {
        second.resolve()
        await once(whileHere as AbortSignal, 'abort')
      }
      const page = store.query(filter, reach, whileHere)
      void page.catch(refused)
      return page
    },
  }))
  const response = await ask('jsonl')
  await second.promise
  response.destroy()
  expect(await endOf(facts)).toMatchObject({ outcome: 'broken' })
  await expect.poll(() => refused.mock.calls).toHaveLength(1)
  expect(pages).toBe(2)
})

test('a log that is away when an export ends breaks nothing: the node says what went out', async () => {
  const { ask, facts, warn } = await start((store) => ({
    append: (append) =>
      append.events[0]?.type === 'AuditExportEnded' ? busy() : store.append(append),
  }))
  const file = await buffer(await ask('csv'))
  await expect.poll(() => warn.mock.calls).toHaveLength(1)
  expect(warn.mock.calls[0]?.[0]).toMatchObject({ outcome: 'complete', bytes: file.length })
  expect(await facts()).toHaveLength(1)
})
