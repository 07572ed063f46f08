import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { EventType, RecordedEvent } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { append } from './conformance-events.ts'
import type { EventFilter, EventStore } from './event-store.ts'
import { filters, id, narrowestOf, splitBy, type Wanted } from './list-filters.fixture.ts'
import { type Cast, cast, fill, manyAppends } from './many-events.fixture.ts'
import {
  entriesQuery,
  evidenceStatements,
  leavesQuery,
  queriesOf,
  statements,
  tenantQuery,
} from './query.ts'
import { createSqliteStore } from './sqlite.ts'
import { walkInSqlite } from './walk.ts'

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
function requireWalk(plan: string, wanted: Wanted, isForward = false): void {
  const column = narrowestOf(wanted) ?? (isForward ? undefined : splitBy(wanted))
  const index = `event_${column?.replace('_key', '') ?? 'tenant'}`
  const keys = ['tenant_key=?', ...(column ? [`${column}=?`] : [])]
  expect(plan).toContain(`SEARCH event USING INDEX ${index} (${keys.join(' AND ')}`)
  expect(plan).not.toMatch(/SCAN|TEMP B-TREE/)
  const hasTime = wanted.from !== undefined || wanted.to !== undefined
  if (hasTime) expect(plan).toMatch(/rowid>\? AND rowid<\?/)
  if (hasTime) expect(plan).toContain('SEARCH event_hour USING PRIMARY KEY')
  if (wanted.cursor !== undefined && !isForward) expect(plan).toContain('rowid<?')
}

test.each(filters)(
  'the list by %s walks an index of the tenant in order: no scan, no sorting (STORE 7)',
  (_what, wanted) => {
    for (const { sql } of queriesOf({ tenantId: id, limit: 50, ...wanted }, walkInSqlite))
      requireWalk(planOf(sql), wanted)
  },
)

test.each(filters)(
  'reading entries by %s for evidence walks an index of the tenant in order (STORE 7)',
  (_what, wanted) => {
    const { sql } = entriesQuery({ tenantId: id, ...wanted }, page, walkInSqlite)
    requireWalk(planOf(sql), wanted, true)
  },
)

test('what is rare has an index of its own: one type, and each installation of a narrowed reader', () => {
  const plans = (wanted: Wanted) =>
    queriesOf({ tenantId: id, limit: 50, ...wanted }, walkInSqlite).map(({ sql }) => planOf(sql))
  for (const plan of plans({ types: ['AccessDenied', 'SessionDenied'] }))
    expect(plan).toContain('event_type (tenant_key=? AND type_key=?')
  for (const plan of plans({ installationIds: [id, newId()] }))
    expect(plan).toContain('event_installation (tenant_key=? AND installation_key=?')
})

test('leaves and checkpoints are read by an index: no scan, no sorting', () => {
  const { newest, over, expired } = evidenceStatements
  for (const sql of [leavesQuery(id, page, walkInSqlite).sql, newest, over, expired]) {
    const plan = planOf(sql)
    expect(plan).toMatch(/SEARCH (event|checkpoint|expired_leaf)/)
    expect(plan).not.toMatch(/SCAN (?!event_leaf|expired_leaf_leaf)|TEMP B-TREE/)
  }
})

test('streams, the log of a tenant and the whole log are read by an index: no scan, no sorting (STORE 7)', () => {
  for (const sql of [...Object.values(statements), tenantQuery(id, page, walkInSqlite).sql]) {
    const plan = planOf(sql)
    expect(plan).toMatch(/SEARCH (event|log_head)|SCAN log_head/)
    expect(plan).not.toMatch(/SCAN event|TEMP B-TREE/)
  }
})

async function pagesOf(filter: EventFilter): Promise<number[]> {
  const seen: number[] = []
  let cursor: string | undefined
  do {
    const page = await store.query(cursor === undefined ? filter : { ...filter, cursor })
    seen.push(...page.items.map(({ position }) => position))
    cursor = page.nextCursor
  } while (cursor)
  return seen
}

function fits(event: RecordedEvent, wanted: Wanted): boolean {
  const { installationId, installationIds, actorId, deviceId, types, from, to } = wanted
  const is = <T>(one: T | undefined, other: T | undefined) => one === undefined || one === other
  return (
    is(installationId, event.installationId) &&
    is(deviceId, event.deviceId) &&
    is(actorId, event.actor.id) &&
    (installationIds === undefined || installationIds.includes(event.installationId ?? '')) &&
    (types === undefined || types.includes(event.type)) &&
    (from === undefined || event.at >= new Date(from).toISOString()) &&
    (to === undefined || event.at <= new Date(to).toISOString())
  )
}

test('page by page a filter gives exactly what fits it, newest first, whatever order the times have', async () => {
  const place = people.places[3]
  const some = (value: object) => fc.constantFrom({}, value)
  const times = fc.date({
    ...{ min: new Date('2025-10-30'), max: new Date('2026-11-05'), noInvalidDate: true },
  })
  const types: EventType[][] = [
    ['UserSignedIn'],
    ['SessionOpened', 'CommandIssued', 'AgentRevoked'],
  ]
  const wanted = fc
    .tuple(
      some({ installationId: place?.installationId }),
      some({ installationIds: people.places.slice(0, 2).map((one) => one.installationId) }),
      some({ deviceId: place?.deviceId }),
      some({ actorId: people.users[1] }),
      fc.constantFrom({}, ...types.map((one) => ({ types: one }))),
      fc.oneof(
        fc.constant({}),
        times.map((from) => ({ from: from.toISOString() })),
      ),
      fc.oneof(
        fc.constant({}),
        times.map((to) => ({ to: to.toISOString() })),
      ),
    )
    .map((parts): Wanted => Object.assign({}, ...parts))
  await fc.assert(
    fc.asyncProperty(wanted, fc.integer({ min: 40, max: 200 }), async (filter, limit) => {
      const seen = await pagesOf({ tenantId: people.tenantId, ...filter, limit })
      const fitting = all.filter((event) => fits(event, filter))
      expect(seen).toEqual(fitting.map(({ position }) => position))
    }),
    { numRuns: 100 },
  )
}, 60_000)

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
