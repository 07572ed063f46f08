/** What a reader of the log is, and what its rows mean. */
import { hash } from 'node:crypto'
import type { RecordedEvent } from '@travessia/schemas/events'
import { idFromBytes, systemTenantId } from '@travessia/schemas/ids'
import { leafOf } from './event-text.ts'
import type { Entry, KeptCheckpoint, KeptCosignature, Leaf } from './evidence-log.ts'
import type { Values } from './walk.ts'

export type Row = Record<string, unknown>

/** What is read for the node itself, of all tenants. */
export const wholeLog = 'all'

export interface Reader {
  /** Of this tenant, or of the whole log; `sql` with `?` where a value goes. */
  rows(tenantId: string, sql: string, values: Values): Promise<Row[]>
}

/** Of a text that is not what was hashed nothing is believed: `EventAltered` stands there. */
export function toEvent(row: Row, tenantId: string): RecordedEvent {
  const text = String(row['body'])
  const place = { position: Number(row['position']), logIndex: Number(row['log_index']) }
  const leaf = row['leaf_hash']
  if (leaf instanceof Uint8Array && leafOf(text).equals(leaf))
    return { ...(JSON.parse(text) as RecordedEvent), ...place }
  const id = idFromBytes(hash('sha256', `${tenantId} ${place.logIndex}`, 'buffer').subarray(0, 16))
  const at = timeIn(text)
  return {
    ...{ type: 'EventAltered', data: {}, actor: { type: 'system', id: systemTenantId } },
    ...{ id, tenantId, at, recordedAt: at, correlationId: id, schemaVersion: 1 },
    ...{ streamKind: 'system', streamId: id, version: Number(row['version']), ...place },
  }
}

/** Where people look for it; of a text without one the beginning of time. */
function timeIn(text: string): string {
  const time = Date.parse(/"at":"([^"]{24})"/.exec(text)?.[1] ?? '')
  return new Date(Number.isNaN(time) ? 0 : time).toISOString()
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
