/** What a reader of the log is, and what its rows mean. */
import type { RecordedEvent } from '@travessia/schemas/events'
import type { Entry, KeptCheckpoint, KeptCosignature, Leaf } from './evidence-log.ts'
import type { Values } from './walk.ts'

export type Row = Record<string, unknown>

/** What is read for the node itself, of all tenants. */
export const wholeLog = 'all'

export interface Reader {
  /** Of this tenant, or of the whole log; `sql` with `?` where a value goes. */
  rows(tenantId: string, sql: string, values: Values): Promise<Row[]>
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
