import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { append, event } from './conformance-events.ts'
import type { EventFilter, EventStore } from './event-store.ts'
import { cast, fill, manyAppends } from './many-events.fixture.ts'
import { createSqliteStore } from './sqlite.ts'
import { SqliteReader } from './sqlite-reader.ts'

const unavailable = expect.objectContaining({ code: 'STORE_UNAVAILABLE' })
let directory: string
let store: EventStore
/** As they are begun: the writer's first. */
let threads: Worker[]
const note = (worker: Worker) => threads.push(worker)

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'travessia-reader-'))
  threads = []
  process.on('worker', note)
  store = await createSqliteStore(join(directory, 'events.db'))
})
afterEach(async () => {
  process.off('worker', note)
  await store.close().catch(() => undefined)
  rmSync(directory, { recursive: true })
})

test('while a question walks far the node goes on', async () => {
  const asked = await slowQuestion(40_000)
  await store.query({ tenantId: asked.tenantId, limit: 1 })
  const [all, own] = [process.cpuUsage(), process.threadCpuUsage()]
  expect((await store.query(asked)).items).toEqual([])
  const sum = ({ user, system }: NodeJS.CpuUsage) => user + system
  expect(sum(process.threadCpuUsage(own))).toBeLessThan(sum(process.cpuUsage(all)) / 2)
})

/** Of an hour that by wrong clocks begins and ends with the log: each event is asked for its time, and none has this one. */
async function slowQuestion(events: number): Promise<EventFilter> {
  const people = cast()
  const { tenantId } = people
  const early = { tenantId, events: [event({ at: '2025-10-01T10:10:00.000Z' })] }
  await store.append(append(early))
  await fill(store, manyAppends(people, events))
  await store.append(append(early))
  return { tenantId, from: '2025-10-01T10:20:00Z', to: '2025-10-01T10:30:00Z', limit: 50 }
}

test('questions at a thread that dies are STORE_UNAVAILABLE, the next one begins another', async () => {
  const slow = await slowQuestion(20_000)
  const { tenantId } = slow
  await store.query({ tenantId, limit: 1 })
  const [, reader] = threads
  const exit = once(reader as Worker, 'exit')
  const first = store.query(slow)
  void reader?.terminate()
  const asked = Promise.allSettled([first, store.query(slow), store.query(slow)])
  // The first one may be answered at its end.
  for (const one of (await asked).slice(1))
    expect(one).toEqual({ status: 'rejected', reason: unavailable })
  await exit
  expect((await store.query({ tenantId, limit: 1 })).items).toHaveLength(1)
  expect(threads).toHaveLength(3)
})

test('questions under way when a reader is closed are STORE_UNAVAILABLE, and so are those after', async () => {
  const reader = new SqliteReader(join(directory, 'events.db'))
  const ask = () => reader.rows('', 'select 1', [])
  await ask()
  const asked = Promise.allSettled([ask(), ask()])
  await reader.close()
  for (const one of await asked) expect(one).toEqual({ status: 'rejected', reason: unavailable })
  await expect(ask()).rejects.toEqual(unavailable)
  await store.close()
  await expect(store.query({ tenantId: '', limit: 1 })).rejects.toEqual(unavailable)
})

test('a question that cannot be sent leaves no place for the answer to another', async () => {
  const reader = new SqliteReader(join(directory, 'events.db'))
  const ask = (value: unknown) => reader.rows('', 'select ? as said', [value as string])
  await expect(ask(() => undefined)).rejects.toThrow()
  expect(await ask('mine')).toEqual([{ said: 'mine' }])
  await reader.close()
})

test('what the engine says of a broken file is STORE_UNAVAILABLE', async () => {
  const { tenantId } = append()
  const path = join(directory, 'events.db')
  await store.query({ tenantId, limit: 1 })
  const database = new DatabaseSync(path)
  database.exec('alter table ref rename to lost')
  database.close()
  await expect(store.query({ tenantId, limit: 1 })).rejects.toEqual(unavailable)
})
