import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { buffer } from 'node:stream/consumers'
import type { RecordedEvent } from '@travessia/schemas/events'
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import { retentionFindings } from '@travessia/schemas/evidence/findings'
import { verifyBundle } from '@travessia/schemas/evidence/verify'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { access } from '../domain/access.ts'
import { handle } from '../domain/decider.ts'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { append, event } from '../store/conformance-events.ts'
import type { EventStore, NewEvent } from '../store/event-store.ts'
import type { EvidenceLog } from '../store/evidence-log.ts'
import { type Cast, cast, fill, manyAppends } from '../store/many-events.fixture.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { rebuildViews } from '../views/rebuild.ts'
import { Views } from '../views/views.ts'
import { newEvidenceKeys } from './bundle.fixture.ts'
import { bundle } from './bundle.ts'
import { Checkpointer } from './checkpointer.ts'
import { openFile } from './open-file.ts'
import { Retention } from './retention.ts'
import { sampleData } from './sample-data.fixture.ts'
import { zip } from './zip.ts'

const log = pino({ level: 'silent' })
const directory = mkdtempSync(join(tmpdir(), 'travessia-retention-'))
const nodeId = newId()
const evidenceKeys = newEvidenceKeys(nodeId)
/** The history ends here: half of it is older than 150 days in whole months. */
const now = () => Date.UTC(2026, 9, 31)
const days = 150
const until = '2026-06-01T00:00:00.000Z'
let files = 0
let store: EventStore
let views: Views
let retention: Retention
let people: Cast
let paths: { events: string; views: string }

beforeEach(async () => {
  files += 1
  paths = { events: join(directory, `${files}-e.db`), views: join(directory, `${files}-v.db`) }
  store = await createSqliteStore(paths.events)
  views = new Views({ store, path: paths.views, log })
  await views.start()
  people = cast()
  retention = new Retention({ store, views, nodeId, now, log })
})
afterEach(async () => {
  await views.stop()
  await store.close()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const old = (type: keyof typeof sampleData, places: object = {}) =>
  ({
    ...event({ at: '2025-12-01T10:00:00.000Z' }),
    ...places,
    type,
    data: sampleData[type],
  }) as NewEvent

/** A year of work, and what never expires or is not over. */
async function live(count = 2_500): Promise<void> {
  const { tenantId, places } = people
  const add = (streamKind: 'device' | 'session', ...events: NewEvent[]) =>
    store.append(append({ tenantId, streamKind, events }))
  await add('device', old('DeviceRegistered', places[0]))
  await add('session', old('SessionRequested', places[1]), old('SessionOpened', places[1]))
  await fill(store, manyAppends(people, count))
  await fill(store, manyAppends(cast(), 300))
}

async function all(): Promise<RecordedEvent[]> {
  return store.readTenant(people.tenantId, 0, 1_000_000)
}

const decide = (intent: Parameters<Retention['change']>[1]) =>
  retention.change(people.tenantId, intent, event({ at: new Date(now()).toISOString() }))
const apply = async () => {
  const context = event({ at: new Date(now()).toISOString() })
  return (await retention.apply(people.tenantId, context)).events
}

async function verified(evidence: EvidenceLog = store.evidence) {
  const { tenantId } = people
  const deps = { store, evidenceKeys, database: openSecretsDatabase(':memory:'), nodeId, now, log }
  const blobs = { get: async () => undefined }
  const checkpoint = await new Checkpointer(deps).fresh(tenantId)
  const { signal } = new AbortController()
  const order = { filter: { tenantId }, asked: {}, scope: 'whole', checkpoint, signal } as const
  const path = join(directory, `${files}.zip`)
  await writeFile(path, await buffer(zip(bundle({ ...deps, blobs, store: { evidence } }, order))))
  const file = await openFile(path)
  const keys = evidenceKeys.keysOf(originOf(nodeId, tenantId))
  return verifyBundle(file, { keys }).finally(() => file.close())
}

test('whole ended streams older than the month go, everything else stays, and the tree is as it was', async () => {
  await live()
  await decide({ type: 'ChangeRetention', days })
  const [before, leaves] = [await all(), await store.evidence.readLeaves(people.tenantId, page)]
  const due = await retention.due(people.tenantId)
  expect(await all()).toEqual(before)
  const gone = await apply()
  expect(gone).toBe(due?.plan.events)
  expect(gone).toBeGreaterThan(500)
  const left = new Map((await all()).map((one) => [one.position, one]))
  const streams = Map.groupBy(before, ({ streamId }) => streamId)
  for (const [, events] of streams) {
    const isNew = events.some(({ at }) => at >= until)
    const isOpen = events.at(-1)?.type === 'SessionOpened'
    const isState = events[0]?.streamKind === 'device' || events[0]?.streamKind === 'retention'
    const kept = events.filter(({ position }) => left.has(position))
    if (events[0]?.streamKind === 'access')
      expect(kept).toEqual(events.filter(({ at }) => at >= until))
    else if (isNew || isOpen || isState) expect(kept).toEqual(events)
    else if (events[0]?.streamKind === 'session') expect(kept).toEqual([])
  }
  const after = await store.evidence.readLeaves(people.tenantId, page)
  expect(after.slice(0, leaves.length)).toEqual(leaves)
  expect((await retention.due(people.tenantId))?.plan.events).toBe(0)
}, 60_000)

test('a bundle of the whole log is intact and complete, and tells how many have expired', async () => {
  await live()
  await decide({ type: 'ChangeRetention', days })
  const gone = await apply()
  expect(await verified()).toMatchObject({ wrong: [], missing: [], expired: gone })
}, 60_000)

test('a bundle that is being written when events go breaks off, and none begins meanwhile', async () => {
  await live(1_000)
  await decide({ type: 'ChangeRetention', days })
  const { tenantId } = people
  const deps = {
    store,
    evidenceKeys,
    database: openSecretsDatabase(':memory:'),
    nodeId,
    now,
    log,
    blobs: { get: async () => undefined },
  }
  const checkpoint = await new Checkpointer(deps).fresh(tenantId)
  const { signal, end } = retention.beginBundle(tenantId)
  const other = retention.beginBundle(newId())
  const order = { filter: { tenantId }, asked: {}, scope: 'whole', checkpoint, signal } as const
  const written = zip(bundle(deps, order))
  await written.next()
  const { evidence } = store
  const expire = evidence.expire.bind(evidence)
  const begun: unknown[] = []
  vi.spyOn(evidence, 'expire').mockImplementation(async (asked) => {
    begun.push(begin(tenantId))
    return expire(asked)
  })
  await apply()
  expect(new Set(begun)).toEqual(new Set(['NODE_BUSY']))
  await expect(buffer(written)).rejects.toEqual(expect.objectContaining({ code: 'NODE_BUSY' }))
  expect(other.signal.aborted).toBe(false)
  other.end()
  expect(other.signal.aborted).toBe(true)
  end()
  expect(begin(tenantId)).toBe('begun')
  expect(await verified()).toMatchObject({ wrong: [], missing: [] })
}, 60_000)

test('an event that is withheld as expired is missing: no retention says so', async () => {
  await live(200)
  const [first] = await store.evidence.readLeaves(people.tenantId, { after: 0, limit: 1 })
  const { evidence } = store
  const lying = {
    checkpointOver: (...asked) => evidence.checkpointOver(...asked),
    checkpoints: (...asked) => evidence.checkpoints(...asked),
    cosignatures: (...asked) => evidence.cosignatures(...asked),
    readLeaves: (...asked) => evidence.readLeaves(...asked),
    readExpired: async () => (first ? [first] : []),
    readEntries: async (filter, { after, limit }) =>
      evidence.readEntries(filter, { after: Math.max(after, first?.position ?? 0), limit }),
  } satisfies Partial<EvidenceLog> as unknown as EvidenceLog
  const report = await verified(lying)
  expect(report.missing).toEqual([retentionFindings.unsaid(0)])
  expect(report.wrong).toEqual([])
}, 60_000)

test('where nobody has said for how long, everything is kept', async () => {
  await live(200)
  const before = await all()
  expect(await retention.due(people.tenantId)).toBeUndefined()
  expect(await apply()).toBe(0)
  expect(await all()).toEqual(before)
}, 60_000)

test('one customer whose log is damaged, or who looks at what would go, holds up no other in the daily round', async () => {
  const [damaged, busy] = [newId(), newId()]
  const old = () => event({ at: '2025-12-01T10:00:00.000Z' })
  for (const tenantId of [damaged, busy, people.tenantId]) {
    await store.append(append({ tenantId, events: [old()] }))
    const said = event({ at: new Date(now()).toISOString() })
    await retention.change(tenantId, { type: 'ChangeRetention', days }, said)
  }
  store.evidence.refuse(damaged)
  const goOn = Promise.withResolvers<void>()
  const { readEntries } = store.evidence
  vi.spyOn(store.evidence, 'readEntries').mockImplementation(async (filter, page) => {
    if (filter.tenantId === busy) await goOn.promise
    return readEntries.call(store.evidence, filter, page)
  })
  const tenants = async () => [damaged, busy, people.tenantId]
  const shown = { retentions: { tenants }, until: async () => undefined } as unknown as Views
  const rounds = new Retention({ store, views: shown, nodeId, now, log })
  const looking = rounds.due(busy)
  rounds.start()
  await expect.poll(() => goneOf(people.tenantId)).toBe(1)
  goOn.resolve()
  expect((await looking)?.plan.events).toBe(1)
  await rounds.stop()
  expect([await goneOf(damaged), await goneOf(busy)]).toEqual([0, 0])
}, 60_000)

test('what would go is counted once at a time', async () => {
  await live(200)
  await decide({ type: 'ChangeRetention', days })
  const asked = [retention.due(people.tenantId), apply(), retention.due(newId())]
  const [first, second, other] = await Promise.allSettled(asked)
  expect([first?.status, other?.status]).toEqual(['fulfilled', 'fulfilled'])
  expect(second).toMatchObject({ reason: { code: 'NODE_BUSY' } })
  expect(await apply()).toBeGreaterThan(0)
}, 60_000)

test('views that lived through it are those that are rebuilt from what is left', async () => {
  await live()
  await decide({ type: 'ChangeRetention', days })
  await apply()
  await views.until(await store.head())
  await views.stop()
  const { differences } = await rebuildViews({ store, path: paths.views, log })
  expect(differences).toEqual([])
  views = new Views({ store, path: paths.views, log })
  await views.start()
}, 60_000)

test('what is held stays whole until the hold is lifted', async () => {
  await live(1_000)
  const place = people.places[0]
  await decide({ type: 'ChangeRetention', days })
  const hold = { holdId: newId(), scope: 'device', id: place?.deviceId ?? '', reason: 'x' } as const
  await decide({ type: 'PlaceHold', ...hold })
  const ofDevice = async () => (await all()).filter(({ deviceId }) => deviceId === hold.id)
  const before = await ofDevice()
  expect((await retention.due(people.tenantId))?.plan.held).toBeGreaterThan(0)
  await apply()
  expect(await ofDevice()).toEqual(before)
  await decide({ type: 'LiftHold', holdId: hold.holdId })
  await apply()
  expect((await ofDevice()).length).toBeLessThan(before.length)
}, 60_000)

test('killed between the fact and the removal: the next run carries out what the fact says', async () => {
  await live(600)
  await decide({ type: 'ChangeRetention', days })
  const due = await retention.due(people.tenantId)
  if (!due) throw new TypeError('nothing is due')
  const { plan, revision } = due
  const { events, spans } = plan
  await decide({ type: 'Apply', until, days, events, spans, revision })
  const before = await all()
  await apply()
  expect((await all()).length).toBe(before.length - events)
  const { items } = await store.query({
    ...{ tenantId: people.tenantId, types: ['RetentionApplied'], limit: 10 },
  })
  expect(items).toHaveLength(1)
}, 60_000)

test('whoever holds the file can remove nothing that no fact in the log has named, and never the facts', async () => {
  await live(600)
  await decide({ type: 'ChangeRetention', days })
  await apply()
  const database = new DatabaseSync(paths.events, { timeout: 5_000 })
  const refuse = (sql: string, said: string) => expect(() => database.exec(sql)).toThrow(said)
  const of = (type: string) =>
    `from event where type_key = (select key from ref where id = '${type}')`
  const applied = `(select position ${of('RetentionApplied')})`
  const leaf = `insert into expired_leaf select tenant_key, position, log_index, leaf_hash,`
  refuse('delete from event', 'append only')
  refuse("update event set body = ''", 'append only')
  refuse(`delete ${of('RetentionApplied')}`, 'append only')
  refuse(`${leaf} ${applied} ${of('DeviceRegistered')}`, 'no retention says so')
  refuse(`${leaf} position ${of('RetentionApplied')}`, 'no retention says so')
  refuse(`${leaf} 1 from event`, 'no retention says so')
  refuse('delete from expired_leaf', 'append only')
  refuse('update expired_leaf set applied_position = 1', 'append only')
  database.close()
}, 60_000)

const goneOf = async (tenantId: string) => (await store.evidence.readExpired(tenantId, page)).length

/** Whether a bundle may begin now. */
function begin(tenantId: string): string {
  try {
    retention.beginBundle(tenantId).end()
    return 'begun'
  } catch (error) {
    return (error as { code: string }).code
  }
}

const page = { after: 0, limit: 1_000_000 }

test('a person whose last sign-in has expired is suspended and erased like any other', async () => {
  const userId = newId()
  const stream = { tenantId: people.tenantId, streamKind: 'access', streamId: userId } as const
  const data = { userId, role: 'operator' } as const
  const events = [{ ...old('RoleGranted'), data }, old('UserSignedIn')] as NewEvent[]
  await store.append({ ...stream, expected: 'none', events })
  await decide({ type: 'ChangeRetention', days })
  expect(await apply()).toBe(1)
  for (const intent of [
    { type: 'SuspendAccess', userId },
    { type: 'EraseSubject', userId, isLastAdmin: false },
  ] as const)
    await handle(store, access, stream, intent, event())
  const left = (await store.readStream(people.tenantId, userId)).map(({ type }) => type)
  expect(left).toEqual(['RoleGranted', 'AccessSuspended', 'RoleRevoked', 'SubjectErased'])
  expect(await verified()).toMatchObject({ wrong: [], missing: [], expired: 1 })
})
