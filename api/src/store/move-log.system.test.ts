/** A log of SQLite becomes one of PostgreSQL: everything that is read of it is the same, and it goes on where it was. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { newId } from '@travessia/schemas/ids'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { append, event } from './conformance-events.ts'
import type { EventStore } from './event-store.ts'
import { moveLog } from './move-log.ts'
import { appendMore, readAllOf, writeSome } from './older-log.fixture.ts'
import { openLog } from './open-log.ts'
import { type PostgresServer, startPostgres } from './postgres.fixture.ts'
import { createSqliteStore } from './sqlite.ts'

const log = pino({ level: 'silent' })
const directory = mkdtempSync(join(tmpdir(), 'travessia-move-'))
let server: PostgresServer
let logs = 0

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server?.remove()
  rmSync(directory, { recursive: true, force: true })
})

/** A file of its own. */
function newFile(): string {
  logs += 1
  return join(mkdtempSync(join(directory, `${logs}-`)), 'events.db')
}

async function written(path: string) {
  const store = await createSqliteStore(path)
  const some = await writeSome(store)
  const { tenantId } = some.people
  await store.evidence.expire(some.expiry)
  const at = new Date().toISOString()
  const root = Buffer.alloc(32, 7)
  await store.evidence.keep([{ tenantId, size: 5, root, note: 'signed\nnote', at }])
  const line = { tenantId, agentId: newId(), size: 5, line: 'agent', key: 'key', at }
  await store.evidence.keepCosignature(line)
  const read = await readOf(store, some)
  await store.close()
  return { some, read }
}

async function readOf(store: EventStore, some: Awaited<ReturnType<typeof writeSome>>) {
  const { tenantId } = some.people
  const { evidence } = store
  return {
    ...(await readAllOf(store, some)),
    checkpoint: await evidence.newestCheckpoint(tenantId),
    cosignatures: await evidence.cosignatures(tenantId, 10),
  }
}

async function opened<T>(place: { path: string; url: string }, use: (store: EventStore) => T) {
  const DATA_DIR = join(place.path, '..')
  const store = await openLog({ DATA_DIR, DATABASE_URL: place.url }, log)
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

test('every list, stream, tree, signature and expired leaf is the same, and it goes on where it was', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  const { some, read } = await written(place.path)
  await expect(opened(place, () => undefined)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    details: { problems: [expect.stringContaining('npm run move-log')] },
  })
  const { events, kept } = await moveLog({ ...place, log })
  expect(events).toBe(read.whole.length)
  expect([existsSync(place.path), existsSync(kept)]).toEqual([false, true])
  await opened(place, async (store) => {
    expect(await readOf(store, some)).toEqual(read)
    expect(await appendMore(store)).toBe(read.head + 1)
    // Its ids and those of a new customer are not each other's.
    const other = append()
    expect(await store.append(other)).toEqual({ position: read.head + 2, version: 1 })
    expect(await store.readTenant(other.tenantId, 0, 10)).toHaveLength(1)
    const last = read.whole.at(-1)
    const { tenantId = '', streamId = '', streamKind = 'access' } = last ?? {}
    const again = { tenantId, streamId, streamKind, expected: 0, events: [event()] }
    await expect(store.append(again)).rejects.toMatchObject({ code: 'CONFLICT' })
    // The proof that an expired leaf needs is asked for again.
    const [, first] = await store.readTenant(other.tenantId, 0, 10)
    expect(first).toBeUndefined()
    const unproven = { tenantId: other.tenantId, appliedPosition: 1, first: 1, last: read.head + 2 }
    await expect(store.evidence.expire(unproven)).rejects.toThrow()
  })
})

test('a database that has a log is not written to', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  await opened({ ...place, path: newFile() }, (store) => store.append(append()))
  await written(place.path)
  await expect(moveLog({ ...place, log })).rejects.toThrow('has a log already')
  expect(existsSync(place.path)).toBe(true)
  expect(await opened({ ...place, path: newFile() }, (store) => store.head())).toBe(1)
})

test('a log that a node uses is not moved, and none is made where there is none', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  await expect(moveLog({ ...place, log })).rejects.toThrow('no events.db')
  expect(existsSync(place.path)).toBe(false)
  const store = await createSqliteStore(place.path)
  await store.append(append())
  await expect(moveLog({ ...place, log })).rejects.toThrow('stop it first')
  await store.close()
})

test('broken off before its commit it has moved nothing, and can be done again', async () => {
  const place = { path: newFile(), url: await server.newDatabase() }
  const { some, read } = await written(place.path)
  const empty = { path: newFile(), url: place.url }
  expect(await opened(empty, (store) => store.head())).toBe(0)
  const other = new pg.Client({ connectionString: place.url })
  await other.connect()
  // Where nearly all has been written it has to wait, and loses its connection.
  await other.query('begin; lock table cosignature in share mode')
  const ended = expect(moveLog({ ...place, log })).rejects.toThrow('terminating connection')
  const waiting = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`
  while ((await server.run(waiting, place.url)).length === 0) await sleep(20)
  await ended
  await other.end()
  expect(await opened(empty, (store) => store.head())).toBe(0)
  await moveLog({ ...place, log })
  expect(await opened(place, (store) => readOf(store, some))).toEqual(read)
})
