/** The conditions of a filter in SQL, the same words for both engines: each single key has its index. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { RecordedEvent } from '@travessia/schemas/events'
import type { EventFilter } from './event-store.ts'
import type { Entry, KeptCheckpoint, Leaf, Page } from './evidence-log.ts'

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

const checkpoint = 'ref.id as tenant, size, root, note, at'
const ofTenant = `from checkpoint join ref on ref.key = tenant_key where tenant_key = ${key}`

export const evidenceStatements = {
  sizes: 'select ref.id, next_log_index from tenant_head join ref on ref.key = tenant_key',
  leaves: `select position, log_index, leaf_hash from event where tenant_key = ${key} and position > ?
    order by position limit ?`,
  newest: `select ${checkpoint} ${ofTenant} order by size desc limit 1`,
  hourly: `select ${checkpoint} from (select *, max(size) over (partition by substr(at, 1, 13)) as last
    from checkpoint where tenant_key = ${key}) as kept join ref on ref.key = tenant_key
    where size = last order by size`,
  over: `select ${checkpoint} ${ofTenant} and size > ? order by size limit 1`,
} as const

/** Newest first by position. */
export function queryOf(filter: EventFilter): Query {
  const { conditions, values } = conditionsOf(filter)
  const sql = `select ${columns} from event where ${conditions.join(' and ')}
    order by position desc limit ?`
  return { sql, values: [...values, filter.limit] }
}

export function entriesQuery(
  filter: Omit<EventFilter, 'cursor' | 'limit'>,
  { after, limit }: Page,
): Query {
  const { conditions, values } = conditionsOf(filter)
  const sql = `select position, log_index, leaf_hash, body from event
    where ${conditions.join(' and ')} and position > ? order by position limit ?`
  return { sql, values: [...values, after, limit] }
}

/** @throws TravessiaError MESSAGE_INVALID for a cursor that is not ours */
function conditionsOf(filter: Omit<EventFilter, 'limit'>) {
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
    where(`installation_key in (${ids})`, ...filter.installationIds)
  }
  if (filter.types) where(`type in (${marksFor(filter.types)})`, ...filter.types)
  if (filter.from !== undefined) where('at >= ?', new Date(filter.from).toISOString())
  if (filter.to !== undefined) where('at <= ?', new Date(filter.to).toISOString())
  if (filter.cursor !== undefined) where('position < ?', cursorOf(filter.cursor))
  return { conditions, values }
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

/** A page of a query, and from where the next one goes on. */
export function pageOf(items: RecordedEvent[], limit: number) {
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

export function toCheckpoint(row: Row): KeptCheckpoint {
  return {
    ...{ tenantId: String(row['tenant']), size: Number(row['size']) },
    root: new Uint8Array(row['root'] as Uint8Array),
    ...{ note: String(row['note']), at: String(row['at']) },
  }
}
