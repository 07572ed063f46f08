/** The conditions of a filter in SQL, the same words for both engines: each single key has its index. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { EventFilter, EventPage, StreamPage } from './event-store.ts'
import type { EntryFilter, EntryPage, Leaf, Page } from './evidence-log.ts'
import { isoTime } from './iso-time.ts'
import { type Row, toEntry, toEvent, toLeaf } from './rows.ts'
import {
  type Key,
  key,
  keyOf,
  marksFor,
  type Query,
  type Values,
  type Walk,
  type Walker,
} from './walk.ts'

const columns = 'position, log_index, version, leaf_hash, body'
/** Events that a page walks by, whatever is asked for: a question takes some milliseconds, and others go between two of them. */
const usualReach = 2_000

export function streamValues(tenantId: string, streamId: string, page?: StreamPage): Values {
  return [streamId, tenantId, page?.after ?? 0, page?.limit ?? Number.MAX_SAFE_INTEGER]
}

/** Every reading that is not a query. */
export const statements = {
  stream: `select ${columns} from event where stream_key = ${key} and tenant_key = ${key} and version > ?
    order by version limit ?`,
  all: `select ${columns}, (select id from ref where key = tenant_key) as tenant from event where position > ? order by position limit ?`,
  head: 'select next_position from log_head where id = 1',
} as const

/** Tenant, first and last position; before them the position of the fact that says so. */
export const expireStatements = {
  keep: `insert into expired_leaf select tenant_key, position, log_index, leaf_hash, ? from event
    where tenant_key = ? and position between ? and ?`,
  remove: 'delete from event where tenant_key = ? and position between ? and ?',
} as const

const checkpoint = 'ref.id as tenant, size, root, note, at'
const ofTenant = `from checkpoint join ref on ref.key = tenant_key where tenant_key = ${key}`

export const evidenceStatements = {
  sizes: 'select ref.id, next_log_index from tenant_head join ref on ref.key = tenant_key',
  expired: `select position, log_index, leaf_hash from expired_leaf where tenant_key = ${key} and position > ?
    order by position limit ?`,
  newest: `select ${checkpoint} ${ofTenant} order by size desc limit 1`,
  checkpoints: `select ${checkpoint} from (select *,
      max(size) over (partition by (size - 1) / cast(? as integer)) as last
    from checkpoint where tenant_key = ${key}) as kept join ref on ref.key = tenant_key
    where size = last order by size`,
  // The agents by jumps over the primary key, not by reading all that they have ever signed.
  cosignatures: `with recursive
      tenant(key) as (select key from ref where id = ?),
      agent(key) as (
        select min(agent_key) from cosignature where tenant_key = (select key from tenant)
        union all
        select (select min(agent_key) from cosignature
          where tenant_key = (select key from tenant) and agent_key > agent.key)
        from agent where agent.key is not null),
      newest(agent_key, size) as (
        select agent.key, (select max(size) from cosignature
          where tenant_key = (select key from tenant) and agent_key = agent.key and size <= ?)
        from agent)
    select owner.id as tenant, signer.id as agent, size, line, note_key, at
    from newest join cosignature using (agent_key, size)
    join ref as owner on owner.key = tenant_key join ref as signer on signer.key = agent_key
    where tenant_key = (select key from tenant) order by size desc, signer.id`,
  over: `select ${checkpoint} ${ofTenant} and size > ? order by size limit 1`,
} as const

/**
 * Newest first by position, down to `floor`; their answers together are the answer.
 * @throws TravessiaError MESSAGE_INVALID for a cursor that is not ours, or no time
 */
export function queriesOf(filter: EventFilter, walker: Walker, floor?: number): Query[] {
  return eachWalk(filter, walker, (asked) => listOf(columns, { ...asked, floor }, walker))
}

/** The place in each walk after `reach` events, where there is one: none for a filter that every event walked by fits. */
export function stopsOf(filter: EventFilter, walker: Walker, reach?: number): Query[] {
  if (!passesBy(filter, splitOf(filter, walker))) return []
  return eachWalk(filter, walker, (asked) => stopOf(asked, walker, reach))
}

function stopOf(asked: Asked, walker: Walker, reach = usualReach): Query {
  const { walked } = walkOf(asked, walker)
  return {
    sql: `select position from event where ${walked.where} order by ${walked.order} limit 1 offset ?`,
    values: [...walked.values, reach - 1],
  }
}

/**
 * One walk for each type, or for each installation of a narrowed reader, where no other index is narrower: what is rare is
 * found as quickly as what is not.
 */
function eachWalk(
  filter: EventFilter,
  walker: Walker,
  query: (asked: Asked & { limit: number }) => Query,
): Query[] {
  const split = splitOf(filter, walker)
  if (split === undefined) return [query(filter)]
  const rest = { ...filter, [split]: undefined }
  const column = split === 'types' ? 'type_key' : 'installation_key'
  return walker.each(column, filter[split] ?? [], (one) => query({ ...rest, one }))
}

type Split = 'types' | 'installationIds' | undefined

function splitOf(filter: EventFilter, walker: Walker): Split {
  const { types, installationIds } = filter
  const [narrowest] = keysOf(filter)
  if (types && (!narrowest || walker.typed.includes(narrowest.column))) return 'types'
  return installationIds && !narrowest ? 'installationIds' : undefined
}

/** Conditions beside the index that is walked; those on the time leave at most the rest of an hour at either end. */
function passesBy(filter: EntryFilter, split?: Split): boolean {
  const isPast = (name: 'types' | 'installationIds') => filter[name] !== undefined && name !== split
  return keysOf(filter).length > 1 || isPast('types') || isPast('installationIds')
}

/** Oldest first, of all that the tenant has. */
export function tenantQuery(tenantId: string, page: Page, walker: Walker, what = columns): Query {
  return listOf(what, { tenantId, ...page }, walker)
}

/** Oldest first, up to `ceiling`: in one walk, since it is read to the end. */
export function entriesQuery(
  filter: EntryFilter,
  { ceiling, ...page }: Page & { readonly ceiling?: number | undefined },
  walker: Walker,
): Query {
  const cursor = ceiling === undefined ? undefined : String(ceiling + 1)
  return listOf('position, log_index, leaf_hash, body', { ...filter, ...page, cursor }, walker)
}

/** As `stopsOf`, of the walk of entries. */
export function entriesStopOf(
  filter: EntryFilter,
  { after }: Page,
  walker: Walker,
  reach?: number,
): Query | undefined {
  return passesBy(filter) ? stopOf({ ...filter, after }, walker, reach) : undefined
}

/** Of events that are there and of those that have expired: a page of each, in one look at the log; see `leavesOf`. */
export function leavesQuery(tenantId: string, { after, limit }: Page, walker: Walker): Query {
  const tenant = keyOf('tenant_key', tenantId)
  const walked = walker.walk({
    keys: [tenant],
    after: { sql: '?', values: [after] },
    isOldestFirst: true,
  })
  const pages = ['event', 'expired_leaf'].map(
    (table) => `select * from (select position, log_index, leaf_hash from ${table}
      where ${walked.where} order by ${walked.order} limit ?) as ${table}_leaf`,
  )
  const values = [...walked.values, limit]
  return { sql: pages.join(' union all '), values: [...values, ...values] }
}

/** Oldest first, of the answer to `leavesQuery`. */
export function leavesOf(rows: readonly Row[], limit: number): Leaf[] {
  const leaves = rows.map(toLeaf)
  return leaves.sort((a, b) => a.position - b.position).slice(0, limit)
}

type Asked = { readonly [K in keyof Omit<EventFilter, 'limit'>]: EventFilter[K] | undefined } & {
  readonly tenantId: string
  /** Oldest first, from there on. */
  readonly after?: number
  /** Newest first, down to this one. */
  readonly floor?: number | undefined
  /** One of the types or installations, by itself. */
  readonly one?: Key
}

function listOf(what: string, asked: Asked & { readonly limit: number }, walker: Walker): Query {
  const { walked, times, others: rest } = walkOf(asked, walker)
  const others = conditionsOf(asked, times, rest)
  const where = [walked.where, ...others.map(({ sql }) => sql)].join(' and ')
  return {
    sql: `select ${what} from event where ${where} order by ${walked.order} limit ?`,
    values: [...walked.values, ...others.flatMap(({ values }) => values), asked.limit],
  }
}

/** The walk, and the keys that are not of its index. */
function walkOf(asked: Asked, walker: Walker) {
  const times = timesOf(asked)
  const { keys, others } = splitKeys(asked)
  const isOldestFirst = asked.after !== undefined
  return { walked: walker.walk({ keys, ...boundsOf(asked, times), isOldestFirst }), times, others }
}

/** Those of the index that is walked. A type beside another key has an index without the tenant. */
function splitKeys(asked: Asked): { keys: Walk['keys']; others: readonly Key[] } {
  const tenant = keyOf('tenant_key', asked.tenantId)
  const [narrowest, ...others] = keysOf(asked)
  if (!narrowest || !asked.one) return { keys: [tenant, narrowest ?? asked.one], others }
  return { keys: [narrowest, asked.one], others: [tenant, ...others] }
}

/** The narrowest first: that is the index which is walked. */
function keysOf(asked: Omit<Asked, 'tenantId'>): Key[] {
  const { sessionId, deviceId, actorId, installationId } = asked
  const ids = [
    ['session_key', sessionId],
    ['device_key', deviceId],
    ['actor_key', actorId],
    ['installation_key', installationId],
  ] as const
  return ids.flatMap(([column, id]) => (id === undefined ? [] : [keyOf(column, id)]))
}

/** What no index is wanted for is inside `coalesce`, which means the same to both engines. */
function conditionsOf({ installationIds, types }: Asked, times: Times, keys: readonly Key[]) {
  const conditions: Query[] = keys.map(({ column, sql, values }) => {
    return { sql: `coalesce(${column}, 0) = ${sql}`, values }
  })
  if (installationIds) conditions.push(oneOf('installation_key', installationIds))
  if (types) conditions.push(oneOf('type_key', types))
  const { from, to } = times
  if (from !== undefined) conditions.push({ sql: 'at >= ?', values: [Date.parse(from)] })
  if (to !== undefined) conditions.push({ sql: 'at <= ?', values: [Date.parse(to)] })
  return conditions
}

function oneOf(column: string, ids: readonly string[]): Query {
  const keys = `select key from ref where id in (${marksFor(ids)})`
  return { sql: `coalesce(${column}, 0) in (${keys})`, values: [...ids] }
}

type Times = { readonly from?: string | undefined; readonly to?: string | undefined }

function timesOf({ from, to }: Asked): Times {
  return { from: from && isoTime(from), to: to && isoTime(to) }
}

/**
 * One bound each way, so that the index begins and ends there: of two the engine might take the wider one. Without an hour in
 * that time both are null, and nothing is found.
 */
function boundsOf(
  { tenantId, cursor, floor, after = floor && floor - 1 }: Asked,
  { from, to }: Times,
): Pick<Walk, 'after' | 'before'> {
  const before = cursor === undefined ? undefined : cursorOf(cursor)
  const given = (value: number | undefined) =>
    value === undefined ? undefined : { sql: '?', values: [value] }
  if (from === undefined && to === undefined) return { after: given(after), before: given(before) }
  const hours = `from event_hour where tenant_key = ${key} and hour between ? and ?`
  const values = [tenantId, (from ?? '').slice(0, 13), (to ?? '~').slice(0, 13)]
  const [first, last] = [after ?? 0, before ?? Number.MAX_SAFE_INTEGER]
  return {
    after: {
      sql: `(select case when min(first_position) <= ? then ? else min(first_position) - 1 end ${hours})`,
      values: [first, first, ...values],
    },
    before: {
      sql: `(select case when max(last_position) >= ? then ? else max(last_position) + 1 end ${hours})`,
      values: [last, last, ...values],
    },
  }
}

function cursorOf(text: string): number {
  const position = Number(text)
  if (!/^\d{1,15}$/.test(text) || position < 1)
    throw new TravessiaError('MESSAGE_INVALID', { at: '/cursor' })
  return position
}

/** A page of the answers to `queriesOf`, and from where the next one goes on: below the last of a full page, or below `floor`. */
export function pageOf(
  found: readonly Row[],
  { tenantId, limit }: Pick<EventFilter, 'tenantId' | 'limit'>,
  floor?: number,
): EventPage {
  const byPosition = found.toSorted((a, b) => Number(b['position']) - Number(a['position']))
  const items = byPosition.slice(0, limit).map((row) => toEvent(row, tenantId))
  const last = items.length < limit ? floor : items.at(-1)?.position
  return last === undefined ? { items } : { items, nextCursor: String(last) }
}

/** The same of entries, upwards: after the last of a full page, or after `ceiling`. */
export function entryPageOf(found: readonly Row[], limit: number, ceiling?: number): EntryPage {
  const items = found.map(toEntry)
  const next = items.length < limit ? ceiling : items.at(-1)?.position
  return next === undefined ? { items } : { items, next }
}
