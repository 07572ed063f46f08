import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { eventTypes, type RecordedEvent } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { append } from './conformance-events.ts'
import type { EventStore } from './event-store.ts'
import { filters, id, keysOf, keysOfEntries, type Wanted } from './list-filters.fixture.ts'
import { type Cast, cast, fill, manyAppends } from './many-events.fixture.ts'
import {
  entriesQuery,
  entriesStopOf,
  evidenceStatements,
  leavesQuery,
  queriesOf,
  statements,
  stopsOf,
  tenantQuery,
} from './query.ts'
import { createSqliteStore } from './sqlite.ts'
import { sqliteWalker } from './walk.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-query-'))
const path = join(directory, 'events.db')
const manyEvents = 3_000
let store: EventStore
let database: DatabaseSync
let people: Cast
/** Of this tenant, newest first. */
let all: RecordedEvent[]

beforeAll(async () => {
  store = await createSqliteStore(path)
  people = cast()
  for (const one of [people, cast()]) await fill(store, manyAppends(one, manyEvents))
  all = (await store.readTenant(people.tenantId, 0, 1_000_000)).toReversed()
  database = new DatabaseSync(path, { readOnly: true })
}, 60_000)
afterAll(async () => {
  database.close()
  await store.close()
  rmSync(directory, { recursive: true, force: true })
})

const page = { after: 0, limit: 500 }

function planOf(sql: string): string {
  const plan = database.prepare(`explain query plan ${sql}`).all()
  return plan.map((row) => String(row['detail'])).join('\n')
}

/** In order of one index of the tenant, and between both ends where the filter has them. */
function requireWalk(plan: string, wanted: Wanted, keys: readonly string[]): void {
  const index = `event_${keys.at(-1)?.replace('_key', '')}`
  const columns = keys.map((column) => `${column}=?`).join(' AND ')
  expect(plan).toContain(`SEARCH event USING INDEX ${index} (${columns}`)
  expect(plan).not.toMatch(/SCAN|TEMP B-TREE/)
  const hasTime = wanted.from !== undefined || wanted.to !== undefined
  if (hasTime) expect(plan).toMatch(/(rowid|position)>\? AND (rowid|position)<\?/)
  if (hasTime) expect(plan).toContain('SEARCH event_hour USING PRIMARY KEY')
}

test.each(filters)(
  'the list by %s walks an index of the tenant in order: no scan, no sorting',
  (_what, wanted) => {
    for (const { sql } of queriesOf({ tenantId: id, limit: 50, ...wanted }, sqliteWalker)) {
      const plan = planOf(sql)
      requireWalk(plan, wanted, keysOf(wanted, sqliteWalker.typed))
      if (wanted.cursor !== undefined) expect(plan).toMatch(/(rowid|position)<\?/)
    }
  },
)

test.each(filters)(
  'reading entries by %s for evidence walks an index of the tenant in order',
  (_what, wanted) => {
    const keys = keysOfEntries(wanted)
    for (const ceiling of [undefined, 100]) {
      const { sql } = entriesQuery({ tenantId: id, ...wanted }, { ...page, ceiling }, sqliteWalker)
      requireWalk(planOf(sql), wanted, keys)
      if (ceiling) expect(planOf(sql)).toMatch(/(rowid|position)>\? AND (rowid|position)<\?/)
    }
  },
)

test.each([
  ['event_device', { deviceId: id }],
  ['event_actor', { actorId: id }],
  ['event_installation', { installationId: id }],
])(
  'types are looked up in %s itself: no row is read that is not shown (ADR 36)',
  (index, wanted) => {
    const types = eventTypes.slice(0, 3)
    const [query] = queriesOf({ tenantId: id, limit: 50, types, ...wanted }, sqliteWalker)
    const positions = query?.sql.replace(
      /select .*? from event where/,
      'select position from event where',
    )
    expect(planOf(positions ?? '')).toContain(`SEARCH event USING COVERING INDEX ${index} (`)
  },
)

test.each(filters)('where a page by %s ends is read from the index alone', (_what, wanted) => {
  for (const { sql } of stopsOf({ tenantId: id, limit: 50, ...wanted }, sqliteWalker, 100)) {
    const index = keysOf(wanted, sqliteWalker.typed).at(-1)?.replace('_key', '')
    expect(planOf(sql)).toContain(`SEARCH event USING COVERING INDEX event_${index} (`)
    expect(planOf(sql)).not.toMatch(/SCAN|TEMP B-TREE/)
  }
  const stop = entriesStopOf({ tenantId: id, ...wanted }, page, sqliteWalker)
  const index = keysOfEntries(wanted).at(-1)?.replace('_key', '')
  if (stop) expect(planOf(stop.sql)).toContain(`USING COVERING INDEX event_${index} (`)
})

test('what is rare has an index of its own: one type, and each installation of a narrowed reader', () => {
  const plans = (wanted: Wanted) =>
    queriesOf({ tenantId: id, limit: 50, ...wanted }, sqliteWalker).map(({ sql }) => planOf(sql))
  for (const plan of plans({ types: ['AccessDenied', 'SessionDenied'] }))
    expect(plan).toContain('event_type (tenant_key=? AND type_key=?')
  for (const plan of plans({ installationIds: [id, newId()] }))
    expect(plan).toContain('event_installation (tenant_key=? AND installation_key=?')
})

test('leaves and checkpoints are read by an index: no scan, no sorting', () => {
  const { newest, over, expired } = evidenceStatements
  for (const sql of [leavesQuery(id, page, sqliteWalker).sql, newest, over, expired]) {
    const plan = planOf(sql)
    expect(plan).toMatch(/SEARCH (event|checkpoint|expired_leaf)/)
    expect(plan).not.toMatch(/SCAN (?!event_leaf|expired_leaf_leaf)|TEMP B-TREE/)
  }
})

test('streams, the log of a tenant and the whole log are read by an index: no scan, no sorting', () => {
  for (const sql of [...Object.values(statements), tenantQuery(id, page, sqliteWalker).sql]) {
    const plan = planOf(sql)
    expect(plan).toMatch(/SEARCH (event|log_head)|SCAN log_head/)
    expect(plan).not.toMatch(/SCAN event|TEMP B-TREE/)
  }
})

test('a page that was begun goes on where it was while new events come', async () => {
  const { tenantId } = people
  const first = await store.query({ tenantId, limit: 10 })
  await store.append(append({ tenantId }))
  const cursor = first.nextCursor ?? ''
  const second = await store.query({ tenantId, limit: 10, cursor })
  const positions = [...first.items, ...second.items].map(({ position }) => position)
  expect(positions).toEqual(all.slice(0, 20).map(({ position }) => position))
})

test('a time that does not exist is MESSAGE_INVALID', async () => {
  const invalid = expect.objectContaining({ code: 'MESSAGE_INVALID' })
  for (const wanted of [{ from: '2026-11-24T23:59:60Z' }, { to: 'x' }])
    await expect(store.query({ tenantId: id, limit: 1, ...wanted })).rejects.toEqual(invalid)
})
