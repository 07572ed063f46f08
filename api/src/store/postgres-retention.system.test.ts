import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordedEvent } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { passing } from '@travessia/schemas/retention'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Retention } from '../audit/retention.ts'
import { sampleData } from '../audit/sample-data.fixture.ts'
import { Views } from '../views/views.ts'
import { append, event } from './conformance-events.ts'
import type { Append, EventStore, NewEvent } from './event-store.ts'
import { type Cast, cast, fill, manyAppends } from './many-events.fixture.ts'
import { type PostgresServer, startPostgres } from './postgres.fixture.ts'
import { createPostgresStore } from './postgres.ts'
import { bucketFor } from './postgres-setup.ts'

const log = pino({ level: 'silent' })
/** The history ends here; what is older than June goes. */
const now = () => Date.UTC(2026, 9, 31)
const days = 150
const page = { after: 0, limit: 10_000 }
const directory = mkdtempSync(join(tmpdir(), 'travessia-months-'))
let server: PostgresServer
let url: string
let store: EventStore
let views: Views
let retention: Retention
let people: Cast
let turn = 0

beforeAll(async () => {
  server = await startPostgres()
})
beforeEach(async () => {
  turn += 1
  url = await server.newDatabase()
  store = await createPostgresStore(url, log)
  views = new Views({ store, path: join(directory, `${turn}.db`), log })
  await views.start()
  people = cast()
  retention = new Retention({ store, views, nodeId: newId(), now, log })
})
afterEach(async () => {
  await views.stop()
  await store.close()
})
afterAll(async () => {
  await server?.remove()
  rmSync(directory, { recursive: true, force: true })
})

/** As if each stream had opened when its first event says. */
async function live(appends: readonly Append[]): Promise<void> {
  for (const { tenantId, streamId, streamKind, events } of appends) {
    const month = `${events[0]?.at.slice(0, 7)}-01`
    if (!passing.has(streamKind)) continue
    const next = new Date(month)
    next.setUTCMonth(next.getUTCMonth() + 1)
    await server.run(
      `create table if not exists event_${month.slice(0, 7).replace('-', '_')} partition of event
        for values from ('${month}') to ('${next.toISOString().slice(0, 10)}');
       insert into ref(id) values ('${tenantId}'), ('${streamId}') on conflict do nothing;
       insert into stream select tenant.key, stream.key, '${streamKind}', 0, '${bucketFor(streamKind, month)}'
         from ref as tenant, ref as stream where tenant.id = '${tenantId}' and stream.id = '${streamId}'
         on conflict do nothing`,
      url,
    )
  }
  await fill(store, appends)
}

async function months(): Promise<string[]> {
  const rows = await server.run(
    `select relname from pg_class where relispartition and relkind = 'r' and relname like 'event_2%' order by 1`,
    url,
  )
  return rows.map(({ relname }) => String(relname).slice('event_'.length))
}

const at = () => event({ at: new Date(now()).toISOString() })
const decide = (intent: Parameters<Retention['change']>[1]) =>
  retention.change(people.tenantId, intent, at())
const all = (): Promise<RecordedEvent[]> => store.readTenant(people.tenantId, 0, 1_000_000)
const sessions = (events: readonly RecordedEvent[]) =>
  events.filter(({ streamKind }) => streamKind === 'session')

/** Sessions alone: of commands the last of each device stays, and its month with it. */
function onlySessions(): Append[] {
  return [...manyAppends(people, 1_500)].filter(({ streamKind }) => streamKind !== 'command')
}

test('months that a retention has emptied are dropped, the tree stays; the dry run tells the same numbers', async () => {
  await live(onlySessions())
  await decide({ type: 'ChangeRetention', days })
  const [before, leaves] = [await months(), await store.evidence.readLeaves(people.tenantId, page)]
  expect(before.length).toBeGreaterThanOrEqual(12)
  const due = await retention.due(people.tenantId)
  expect(await months()).toEqual(before)
  const { events: gone } = await retention.apply(people.tenantId, at())
  expect(gone).toBe(due?.plan.events)
  expect(gone).toBeGreaterThan(500)
  expect(await months()).toEqual(before.filter((month) => month >= '2026_06'))
  expect(sessions(await all()).every((one) => one.at >= '2026-06')).toBe(true)
  const after = await store.evidence.readLeaves(people.tenantId, page)
  expect(after.slice(0, leaves.length)).toEqual(leaves)
  expect(await store.evidence.readExpired(people.tenantId, page)).toHaveLength(gone)
})

test('a month stays that has an event of a hold, or of a customer who keeps longer; the others go', async () => {
  const appends = onlySessions()
  await live(appends)
  const held = appends.find(
    ({ streamKind, events }) => streamKind === 'session' && events[0]?.at.startsWith('2026-02'),
  )
  const foreign = append({
    streamKind: 'session',
    events: [event({ at: '2026-03-09T12:00:00.000Z' })],
  })
  await live([foreign])
  await decide({ type: 'ChangeRetention', days })
  const hold = { holdId: newId(), reason: 'court', scope: 'session', id: held?.streamId } as const
  await decide({ type: 'PlaceHold', ...hold } as Parameters<Retention['change']>[1])
  const before = await months()
  const due = await retention.due(people.tenantId)
  expect(due?.plan.held).toBe(held?.events.length)
  await retention.apply(people.tenantId, at())
  const kept = (month: string) => month >= '2026_06' || ['2026_02', '2026_03'].includes(month)
  expect(await months()).toEqual(before.filter(kept))
  expect(await store.readStream(people.tenantId, held?.streamId ?? '')).toHaveLength(
    held?.events.length ?? 0,
  )
  expect(await store.readStream(foreign.tenantId, foreign.streamId)).toHaveLength(1)
  await decide({ type: 'LiftHold', holdId: hold.holdId })
  await retention.apply(people.tenantId, at())
  expect(await months()).toEqual(
    before.filter((month) => month >= '2026_06' || month === '2026_03'),
  )
})

test('a stream whose month was dropped and that goes on gets it anew, and counts on, also for a writer that never saw it', async () => {
  const appends = onlySessions()
  await live(appends)
  await decide({ type: 'ChangeRetention', days })
  await retention.apply(people.tenantId, at())
  const some = appends.filter(({ streamKind }) => streamKind === 'session').slice(0, 2)
  const other = await createPostgresStore(url, log)
  for (const [turn, one] of some.entries()) {
    const more = append({ ...one, expected: 'any', events: [event()] })
    await (turn === 0 ? store : other).append(more)
    const events = await store.readStream(people.tenantId, more.streamId)
    expect(events.map(({ version }) => version)).toEqual([one.events.length + 1])
  }
  await other.close()
})

const texts = [
  ['a NUL', '\\u0000'],
  ['what only looks like one', '\\\\u0000'],
] as const

test.each(texts)('an old event with %s in its text expires as every other', async (_, escaped) => {
  const { tenantId } = people
  const of = (type: 'SessionRequested' | 'SessionDenied', data: object) => {
    const old = event({ at: '2025-12-01T10:00:00.000Z' })
    return { ...old, type, data: { ...sampleData[type], ...data } } as NewEvent
  }
  const events = [of('SessionRequested', { purpose: 'HERE' }), of('SessionDenied', {})]
  const ended = append({ tenantId, streamKind: 'session', events })
  await store.append(ended)
  await decide({ type: 'ChangeRetention', days })
  // As older nodes wrote it.
  await server.run(
    `alter table event disable trigger user;
     update event set body = replace(body, 'HERE', '${escaped}') where position = 1;
     update event set leaf_hash = sha256('\\x00'::bytea || convert_to(body, 'UTF8')) where position = 1;
     alter table event enable trigger user`,
    url,
  )
  const [written] = await store.readStream(tenantId, ended.streamId)
  expect(written?.data).toMatchObject({ purpose: JSON.parse(`"${escaped}"`) })
  expect((await retention.apply(tenantId, at())).events).toBe(2)
  expect(await store.readStream(tenantId, ended.streamId)).toEqual([])
})
