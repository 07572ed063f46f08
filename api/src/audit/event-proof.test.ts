import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { checkEvent } from '@travessia/schemas/evidence/event-check'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { Users } from '../identity/users.ts'
import { append, event } from '../store/conformance-events.ts'
import type { EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { Views } from '../views/views.ts'
import { newEvidenceKeys } from './bundle.fixture.ts'
import { Checkpointer } from './checkpointer.ts'
import { proveEvent } from './event-proof.ts'

const log = pino({ level: 'silent' })
const nodeId = newId()
const evidenceKeys = newEvidenceKeys(nodeId)
const users = new Users(openSecretsDatabase(':memory:'))
const tenantId = newId()
const installationId = newId()
const missing = expect.objectContaining({ code: 'NOT_FOUND' })
let directory: string
let store: EventStore
let views: Views
let checkpointer: Checkpointer

async function open(): Promise<void> {
  store = await createSqliteStore(join(directory, 'events.db'))
  views = new Views({ store, path: join(directory, 'views.db'), log })
  await views.start()
  checkpointer = new Checkpointer({
    ...{ store, evidenceKeys, nodeId, now: Date.now, log },
    database: openSecretsDatabase(':memory:'),
  })
}
async function close(): Promise<void> {
  await views.stop()
  await store.close()
}
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'travessia-proof-'))
  await open()
})
afterEach(async () => {
  await close()
  rmSync(directory, { recursive: true, force: true })
})

/** Every second event is of the installation. */
async function write(count: number, at = new Date().toISOString()): Promise<void> {
  const events = Array.from({ length: count }, (_, n) =>
    event({ at, ...(n % 2 ? { installationId } : {}) }),
  )
  for (let n = 0; n < count; n += 100)
    await store.append(append({ tenantId, events: events.slice(n, n + 100) }))
}
const prove = (logIndex: number, sight: object = {}) =>
  proveEvent(
    { store, views, users, checkpointer, evidenceKeys, nodeId },
    { sight: { tenantId, ...sight }, logIndex, language: 'en' },
  )
const standingOf = async (logIndex: number) => checkEvent(await prove(logIndex), null).standing

/** Somebody with the file in hands, while the node is down. */
async function tamper(sql: string): Promise<void> {
  await close()
  const database = new DatabaseSync(join(directory, 'events.db'), { timeout: 5_000 })
  const triggers = database.prepare("select name from sqlite_master where type = 'trigger'").all()
  for (const { name } of triggers) database.exec(`drop trigger ${String(name)}`)
  database.exec(sql)
  database.close()
  await open()
}

test('each event of a log is proven by its place, whether its row of leaves is full or not', async () => {
  await write(600)
  await checkpointer.fresh(tenantId)
  for (const logIndex of [0, 1, 255, 256, 300, 511, 512, 599]) {
    const found = await prove(logIndex)
    expect([logIndex, checkEvent(found, null)]).toMatchObject([logIndex, { standing: 'proven' }])
    expect(found.event?.logIndex).toBe(logIndex)
    expect(JSON.parse(found.text ?? '')).toMatchObject({ id: found.event?.id, tenantId })
  }
})

test('an event that was written since the last signature has a text and no proof yet', async () => {
  await write(3)
  await checkpointer.fresh(tenantId)
  await write(1)
  expect(await prove(3)).not.toHaveProperty('proof')
  expect(await standingOf(3)).toBe('unsigned')
  await checkpointer.fresh(tenantId)
  expect(await standingOf(3)).toBe('proven')
})

test('a place that the log does not have yet, and one of another customer, is NOT_FOUND', async () => {
  await write(3)
  await expect(prove(3)).rejects.toEqual(missing)
  await expect(prove(0, { tenantId: newId() })).rejects.toEqual(missing)
})

test('who sees some installations only sees their events, as in the list', async () => {
  await write(4)
  const { items } = await store.query({ tenantId, installationIds: [installationId], limit: 9 })
  expect(items.map(({ logIndex }) => logIndex)).toEqual([3, 1])
  for (const logIndex of [0, 1, 2, 3]) {
    const asked = prove(logIndex, { installationIds: [newId(), installationId] })
    if (logIndex % 2) expect((await asked).event?.logIndex).toBe(logIndex)
    else await expect(asked).rejects.toEqual(missing)
    for (const installationIds of [[], [newId()]])
      await expect(prove(logIndex, { installationIds })).rejects.toEqual(missing)
  }
})

test('of an event that has expired the hash and its proof are left, and nobody narrowed is told', async () => {
  await write(4, '2025-12-31T12:00:00.000Z')
  const data = { days: 30, until: '2026-01-01T00:00:00.000Z', events: 2, spans: [[1, 2, 2, 3]] }
  const changed = { ...event(), type: 'RetentionChanged', data: { days: 30 } } as never
  const applied = { ...event(), type: 'RetentionApplied', data } as never
  const one = { tenantId, streamKind: 'retention', events: [changed, applied] } as const
  const { position: appliedPosition } = await store.append(append(one))
  await store.evidence.expire({ tenantId, appliedPosition, first: 2, last: 3 })
  await checkpointer.fresh(tenantId)
  const found = await prove(1)
  expect(found).not.toHaveProperty('text')
  expect(found).not.toHaveProperty('event')
  expect(await standingOf(1)).toBe('expired')
  await expect(prove(1, { installationIds: [installationId] })).rejects.toEqual(missing)
  expect(await Promise.all([0, 3, 4].map(standingOf))).toEqual(['proven', 'proven', 'proven'])
})

test.each([
  ['its text was changed', `update event set body = replace(body, 'Out', 'In')`, 'altered'],
  ['its text and hash were', `update event set body = 'x', leaf_hash = zeroblob(32)`, 'altered'],
  ['its hash was', 'update event set leaf_hash = zeroblob(32)', 'altered'],
  ['it was taken out', 'delete from event', 'missing'],
])('an event is told to be altered or gone when %s', async (_what, sql, standing) => {
  await write(300)
  await checkpointer.fresh(tenantId)
  await tamper(`${sql} where log_index = 5`)
  expect(await standingOf(5)).toBe(standing)
  expect((await prove(5)).event?.type).toBe(standing === 'altered' ? 'EventAltered' : undefined)
  await expect(prove(5, { installationIds: [newId()] })).rejects.toEqual(missing)
})

test('of a log whose newest events were taken out they are missing, not unknown', async () => {
  await write(3)
  await checkpointer.fresh(tenantId)
  await tamper('delete from event where log_index > 0')
  expect(await Promise.all([1, 2].map(standingOf))).toEqual(['missing', 'missing'])
  await expect(prove(3)).rejects.toEqual(missing)
  expect(await standingOf(0)).toBe('unproven')
})

test('beside an event that was taken out no other is said to be, and none is proven by what is left', async () => {
  await write(600)
  await checkpointer.fresh(tenantId)
  await tamper('delete from event where log_index = 5')
  expect(await Promise.all([4, 6, 599].map(standingOf))).toEqual(
    Array.from({ length: 3 }, () => 'unproven'),
  )
})

test('a hash that was changed while the node runs leads nowhere', async () => {
  await write(3)
  await checkpointer.fresh(tenantId)
  const database = new DatabaseSync(join(directory, 'events.db'), { timeout: 5_000 })
  database.exec('drop trigger event_is_never_changed')
  database.exec(
    `update event set body = 'x', leaf_hash = x'${'00'.repeat(32)}' where log_index = 1`,
  )
  database.close()
  expect(await Promise.all([0, 1, 2].map(standingOf))).toEqual(['unproven', 'altered', 'unproven'])
})

test('an event is found by at most three rows of 256 leaves, however long the log is', async () => {
  await write(2_000)
  await checkpointer.fresh(tenantId)
  const { evidence } = store
  const read = vi.spyOn(evidence, 'readLeaves')
  const entries = vi.spyOn(evidence, 'readEntries')
  const query = vi.spyOn(store, 'query')
  expect(await standingOf(1_000)).toBe('proven')
  const rows = read.mock.calls.map(([, { limit }]) => limit)
  expect(rows.slice(1)).toEqual([256, 256, 256])
  expect(entries.mock.calls.map(([, { limit }]) => limit)).toEqual([1])
  expect(query.mock.calls.map(([{ limit }]) => limit)).toEqual([1])
})
