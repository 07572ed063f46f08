/** The conditions of a filter in SQL, the same words for both engines: each single key has its index. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { RecordedEvent } from '@travessia/schemas/events'
import type { EventFilter } from './event-store.ts'
import type { Entry, KeptCheckpoint, KeptCosignature, Leaf, Page } from './evidence-log.ts'
import { isoTime } from './iso-time.ts'

export type Row = Record<string, unknown>
export type Values = Array<string | number>
export type Query = { readonly sql: string; readonly values: Values }

const columns = 'position, log_index, body'
const key = '(select key from ref where id = ?)'

/** Every reading that is not a query. */
export const statements = {
  stream: `select ${columns} from event where stream_key = ${key} and tenant_key = ${key} and version > ?
    order by version`,
  all: `select ${columns} from event where position > ? order by position limit ?`,
  tenant: `select ${columns} from event where tenant_key = ${key} and position > ? order by position limit ?`,
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
  leaves: `select position, log_index, leaf_hash from event where tenant_key = ${key} and position > ?
    union all select position, log_index, leaf_hash from expired_leaf where tenant_key = ${key} and position > ?
    order by position limit ?`,
  expired: `select position, log_index, leaf_hash from expired_leaf where tenant_key = ${key} and position > ?
    order by position limit ?`,
  newest: `select ${checkpoint} ${ofTenant} order by size desc limit 1`,
  hourly: `select ${checkpoint} from (select *, max(size) over (partition by substr(at, 1, 13)) as last
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
 * Newest first by position; their answers together are the answer. One for each type, or for each installation of a narrowed
 * reader, where no other index is narrower: what is rare is found as quickly as what is not.
 * @throws TravessiaError MESSAGE_INVALID for a cursor that is not ours, or no time
 */
export function queriesOf(filter: EventFilter): Query[] {
  const { installationId, actorId, deviceId, sessionId, types, installationIds } = filter
  const hasKey = [installationId, actorId, deviceId, sessionId].some((id) => id !== undefined)
  if (hasKey) return [queryOf(filter)]
  if (types) return types.map((type) => queryOf({ ...filter, types: [type] }, 'type'))
  if (!installationIds) return [queryOf(filter)]
  const { installationIds: _, ...rest } = filter
  return installationIds.map((id) => queryOf({ ...rest, installationId: id }))
}

function queryOf(filter: EventFilter, indexed?: 'type'): Query {
  const { conditions, values } = conditionsOf(filter, indexed)
  const sql = `select ${columns} from event where ${conditions.join(' and ')}
    order by position desc limit ?`
  return { sql, values: [...values, filter.limit] }
}

export function entriesQuery(
  filter: Omit<EventFilter, 'cursor' | 'limit'>,
  { after, limit }: Page,
): Query {
  const { conditions, values } = conditionsOf({ ...filter, after })
  const sql = `select position, log_index, leaf_hash, body from event
    where ${conditions.join(' and ')} order by position limit ?`
  return { sql, values: [...values, limit] }
}

type Asked = Omit<EventFilter, 'limit'> & {
  /** Oldest first, from there on. */
  readonly after?: number
}

/** What no index is wanted for is inside `coalesce`, which means the same to both engines. */
function conditionsOf(filter: Asked, indexed?: 'type') {
  const conditions = [`tenant_key = ${key}`]
  const values: Values = [filter.tenantId]
  const where = (condition: string, ...more: Values) => {
    conditions.push(condition)
    values.push(...more)
  }
  if (filter.installationId !== undefined) where(`installation_key = ${key}`, filter.installationId)
  if (filter.actorId !== undefined) where(`actor_key = ${key}`, filter.actorId)
  if (filter.deviceId !== undefined) where(`device_key = ${key}`, filter.deviceId)
  if (filter.sessionId !== undefined) where(`session_key = ${key}`, filter.sessionId)
  if (filter.installationIds) {
    const ids = `select key from ref where id in (${marksFor(filter.installationIds)})`
    where(`coalesce(installation_key, 0) in (${ids})`, ...filter.installationIds)
  }
  const [type] = filter.types ?? []
  if (indexed && type) where('type = ?', type)
  else if (filter.types) where(`coalesce(type, '') in (${marksFor(filter.types)})`, ...filter.types)
  const from = filter.from === undefined ? undefined : isoTime(filter.from)
  const to = filter.to === undefined ? undefined : isoTime(filter.to)
  if (from !== undefined) where('at >= ?', from)
  if (to !== undefined) where('at <= ?', to)
  for (const bound of boundsOf(filter, { from, to })) where(bound.sql, ...bound.values)
  return { conditions, values }
}

/**
 * One bound each way, so that the index begins and ends there: of two the engine might take the wider one. Without an hour in
 * that time both are null, and nothing is found.
 */
function boundsOf(
  { tenantId, cursor, after }: Asked,
  { from, to }: { from: string | undefined; to: string | undefined },
): Query[] {
  const before = cursor === undefined ? undefined : cursorOf(cursor)
  const given = (sql: string, value: number | undefined) =>
    value === undefined ? [] : [{ sql, values: [value] }]
  if (from === undefined && to === undefined)
    return [...given('position > ?', after), ...given('position < ?', before)]
  const hours = `from event_hour where tenant_key = ${key} and hour between ? and ?`
  const values = [tenantId, (from ?? '').slice(0, 13), (to ?? '~').slice(0, 13)]
  const [first, last] = [after ?? 0, before ?? Number.MAX_SAFE_INTEGER]
  return [
    {
      sql: `position > (select case when min(first_position) <= ? then ? else min(first_position) - 1 end ${hours})`,
      values: [first, first, ...values],
    },
    {
      sql: `position < (select case when max(last_position) >= ? then ? else max(last_position) + 1 end ${hours})`,
      values: [last, last, ...values],
    },
  ]
}

/** SQLite takes a list of nothing, PostgreSQL does not: nothing is equal to null. */
function marksFor(values: readonly unknown[]): string {
  return values.length === 0 ? 'null' : values.map(() => '?').join(',')
}

function cursorOf(text: string): number {
  const position = Number(text)
  if (!/^\d{1,15}$/.test(text) || position < 1)
    throw new TravessiaError('MESSAGE_INVALID', { at: '/cursor' })
  return position
}

/** A page of the answers to `queriesOf`, and from where the next one goes on. */
export function pageOf(found: RecordedEvent[], limit: number) {
  const items = found.sort((a, b) => b.position - a.position).slice(0, limit)
  const last = items.at(-1)
  return items.length < limit || !last ? { items } : { items, nextCursor: String(last.position) }
}

export function toEvent(row: Row): RecordedEvent {
  const event = JSON.parse(String(row['body'])) as RecordedEvent
  return { ...event, position: Number(row['position']), logIndex: Number(row['log_index']) }
}

export function toLeaf(row: Row): Leaf {
  const hash = new Uint8Array(row['leaf_hash'] as Uint8Array)
  return { position: Number(row['position']), logIndex: Number(row['log_index']), hash }
}

export function toEntry(row: Row): Entry {
  return { ...toLeaf(row), text: String(row['body']) }
}

export function toSize(row: Row): { tenantId: string; size: number } {
  return { tenantId: String(row['id']), size: Number(row['next_log_index']) }
}

export function toCosignature(row: Row): KeptCosignature {
  const text = (name: string) => String(row[name])
  return {
    ...{ tenantId: text('tenant'), agentId: text('agent'), size: Number(row['size']) },
    ...{ line: text('line'), key: text('note_key'), at: text('at') },
  }
}

export function toCheckpoint(row: Row): KeptCheckpoint {
  return {
    ...{ tenantId: String(row['tenant']), size: Number(row['size']) },
    root: new Uint8Array(row['root'] as Uint8Array),
    ...{ note: String(row['note']), at: String(row['at']) },
  }
}
