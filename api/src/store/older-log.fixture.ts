/** For tests of migrations: a log with some of everything, all that is read of it, and the folder of migrations that ended earlier. */
import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { append, event } from './conformance-events.ts'
import type { Append, EventFilter, EventStore, NewEvent } from './event-store.ts'
import type { Expiry } from './evidence-log.ts'
import { type Cast, cast, fill, manyAppends } from './many-events.fixture.ts'

const all = 1_000_000
const page = { after: 0, limit: all }

export type Written = { readonly people: Cast; readonly sessionId: string; readonly expiry: Expiry }

/** Two customers, and a fact that says that some events of the first have expired. They are there still. */
export async function writeSome(store: EventStore): Promise<Written> {
  const people = cast()
  const { tenantId } = people
  for (const one of [people, cast()]) await fill(store, manyAppends(one, 300))
  const [first, second] = await store.readTenant(tenantId, 0, 2)
  const [from, to] = [first?.position ?? 0, second?.position ?? 0]
  const until = '2025-12-01T00:00:00.000Z'
  const data = { days: 30, until, events: 2, spans: [[0, 1, from, to]] }
  const changed = { ...event(), type: 'RetentionChanged', data: { days: 30 } } as NewEvent
  const applied = { ...event(), type: 'RetentionApplied', data } as NewEvent
  const retention = { tenantId, streamKind: 'retention', events: [changed, applied] } as const
  const { position: appliedPosition } = await store.append(append(retention))
  const { items } = await store.query({ tenantId, types: ['SessionOpened'], limit: 1 })
  const expiry = { tenantId, appliedPosition, first: from, last: to }
  return { people, sessionId: items[0]?.streamId ?? '', expiry }
}

/** The whole log, every stream and tree in it, and each list that knows this customer. */
export async function readAllOf(store: EventStore, { people, sessionId }: Written) {
  const { tenantId, users, places } = people
  const { evidence } = store
  const whole = await store.readAll(0, all)
  const streams = new Map(whole.map((one) => [one.streamId, one.tenantId]))
  const [user, place, week] = [users[3] ?? '', places[2], '2026-02']
  const at = whole.at(whole.length / 3)?.at
  if (at === undefined) throw new TypeError('nothing was read')
  const filters: Array<Partial<EventFilter>> = [
    ...[{}, { actorId: user }, { deviceId: place?.deviceId ?? '' }, { sessionId }],
    ...[{ installationIds: [place?.installationId ?? ''] }, { types: ['UserSignedIn'] as const }],
    ...[{ from: `${week}-01` }, { to: `${week}-01`, types: ['RetentionApplied'] as const }],
    ...[{ from: at, to: at }],
    { from: `${week}-01T10:00:00Z`, to: `${week}-20T11:00:00.500Z`, cursor: '400' },
  ]
  return {
    ...{ whole, head: await store.head(), sizes: await evidence.sizes() },
    ofTenant: await store.readTenant(tenantId, 0, all),
    streams: await each(streams, ([stream, tenant]) => store.readStream(tenant, stream)),
    lists: await each(filters, (filter) => store.query({ tenantId, limit: 100, ...filter })),
    entries: await each(filters, (filter) => evidence.readEntries({ tenantId, ...filter }, page)),
    leaves: await evidence.readLeaves(tenantId, page),
    altered: await evidence.firstAltered(tenantId, page),
    expired: await evidence.readExpired(tenantId, page),
  }
}

async function each<T, R>(some: Iterable<T>, read: (one: T) => Promise<R>): Promise<R[]> {
  const found: R[] = []
  for (const one of some) found.push(await read(one))
  return found
}

/** In the stream of the last event. */
export async function appendMore(store: EventStore): Promise<number> {
  const [last] = await store.readAll((await store.head()) - 1, 1)
  if (!last) throw new TypeError('nothing was written')
  const { tenantId, streamKind, streamId, version } = last
  const more: Append = { tenantId, streamKind, streamId, expected: version, events: [event()] }
  return (await store.append(more)).position
}

export function copyMigrations(from: string, to: string, before: string): string {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from).filter((one) => one < before))
    cpSync(join(from, name), join(to, name))
  return to
}
