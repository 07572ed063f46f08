import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { append, event } from './conformance-events.ts'
import type { NewEvent } from './event-store.ts'
import { type PostgresServer, startPostgres } from './postgres.fixture.ts'
import { createPostgresStore } from './postgres.ts'
import { prepareDatabase } from './postgres-setup.ts'
import { openWriteQueue } from './write-queue.ts'

const log = pino({ level: 'silent' })
const all = join(import.meta.dirname, 'migrations/postgres')
const older = mkdtempSync(join(tmpdir(), 'travessia-older-'))
const page = { after: 0, limit: 100 }
let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
  for (const name of readdirSync(all).filter((one) => one < '0006.sql'))
    cpSync(join(all, name), join(older, name))
})
afterAll(async () => {
  await server?.remove()
  rmSync(older, { recursive: true, force: true })
})

test('a log of before retentions keeps its events, and lets go then what one names and nothing else (migration 0006)', async () => {
  const url = await server.newDatabase()
  const role = await prepareDatabase(url, { log, folder: older })
  const before = await openWriteQueue('./postgres-worker.ts', { url, role })
  const tenantId = newId()
  for (let n = 0; n < 4; n += 1) await before.append(append({ tenantId }))
  await before.close()
  const store = await createPostgresStore(url, log)
  const leaves = await store.evidence.readLeaves(tenantId, page)
  expect(leaves).toHaveLength(4)
  const data = { days: 30, until: event().at, events: 2, spans: [[1, 2, 2, 3]] }
  const applied = { ...event(), type: 'RetentionApplied', data } as NewEvent
  const retention = { tenantId, streamKind: 'retention', events: [applied] } as const
  const { position } = await store.append(append(retention))
  for (const sql of ['delete from event', 'update event set version = 9', 'truncate event'])
    await expect(server.run(sql, url), sql).rejects.toThrow('append only')
  const expiry = { tenantId, appliedPosition: position }
  await expect(store.evidence.expire({ ...expiry, first: 1, last: 3 })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  })
  await store.evidence.expire({ ...expiry, first: 2, last: 3 })
  const left = await store.readTenant(tenantId, 0, 100)
  expect(left.map((one) => one.position)).toEqual([1, 4, 5])
  expect((await store.evidence.readLeaves(tenantId, page)).slice(0, 4)).toEqual(leaves)
  await store.close()
})
