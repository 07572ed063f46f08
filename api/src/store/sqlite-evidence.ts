/** `EvidenceLog` on SQLite: reads here, writes through the one writer. */
import type { DatabaseSync } from 'node:sqlite'
import type { EventFilter } from './event-store.ts'
import type { Entry, EvidenceLog, KeptCheckpoint, Leaf, Page } from './evidence-log.ts'
import { conditionsOf } from './sqlite-query.ts'

type Row = Record<string, unknown>
type Writer = Pick<EvidenceLog, 'keep' | 'refuse'>

const key = '(select key from ref where id = ?)'
const columns = 'ref.id as tenant, size, root, note, at'
const ofTenant = `from checkpoint join ref on ref.key = tenant_key where tenant_key = ${key}`

export const evidenceStatements = {
  sizes: 'select ref.id, next_log_index from tenant_head join ref on ref.key = tenant_key',
  leaves: `select position, log_index, leaf_hash from event where tenant_key = ${key} and position > ?
    order by position limit ?`,
  newest: `select ${columns} ${ofTenant} order by size desc limit 1`,
  hourly: `select ref.id as tenant, max(size) as size, root, note, at ${ofTenant}
    group by substr(at, 1, 13) order by size`,
  over: `select ${columns} ${ofTenant} and size > ? order by size limit 1`,
} as const

export class SqliteEvidence implements EvidenceLog {
  readonly #reader: DatabaseSync
  readonly keep: Writer['keep']
  readonly refuse: Writer['refuse']

  constructor(reader: DatabaseSync, writer: Writer) {
    this.#reader = reader
    this.keep = writer.keep
    this.refuse = writer.refuse
  }

  async sizes(): Promise<Array<{ tenantId: string; size: number }>> {
    const rows = this.#reader.prepare(evidenceStatements.sizes).all()
    return rows.map((row) => ({ tenantId: String(row['id']), size: Number(row['next_log_index']) }))
  }

  async readLeaves(tenantId: string, { after, limit }: Page): Promise<Leaf[]> {
    return this.#reader.prepare(evidenceStatements.leaves).all(tenantId, after, limit).map(toLeaf)
  }

  async readEntries(filter: Omit<EventFilter, 'cursor' | 'limit'>, page: Page): Promise<Entry[]> {
    const { sql, values } = entriesQuery(filter, page)
    const rows = this.#reader.prepare(sql).all(...values)
    return rows.map((row) => ({ ...toLeaf(row), text: String(row['body']) }))
  }

  async newestCheckpoint(tenantId: string): Promise<KeptCheckpoint | undefined> {
    const row = this.#reader.prepare(evidenceStatements.newest).get(tenantId)
    return row && toCheckpoint(row)
  }

  async hourlyCheckpoints(tenantId: string): Promise<KeptCheckpoint[]> {
    return this.#reader.prepare(evidenceStatements.hourly).all(tenantId).map(toCheckpoint)
  }

  async checkpointOver(tenantId: string, logIndex: number): Promise<KeptCheckpoint | undefined> {
    const row = this.#reader.prepare(evidenceStatements.over).get(tenantId, logIndex)
    return row && toCheckpoint(row)
  }
}

export function entriesQuery(
  filter: Omit<EventFilter, 'cursor' | 'limit'>,
  { after, limit }: Page,
): { sql: string; values: Array<string | number> } {
  const { conditions, values } = conditionsOf(filter)
  const sql = `select position, log_index, leaf_hash, body from event
    where ${conditions.join(' and ')} and position > ? order by position limit ?`
  return { sql, values: [...values, after, limit] }
}

function toLeaf(row: Row): Leaf {
  const hash = Buffer.from(row['leaf_hash'] as Uint8Array)
  return { position: Number(row['position']), logIndex: Number(row['log_index']), hash }
}

function toCheckpoint(row: Row): KeptCheckpoint {
  return {
    ...{ tenantId: String(row['tenant']), size: Number(row['size']) },
    root: Buffer.from(row['root'] as Uint8Array),
    ...{ note: String(row['note']), at: String(row['at']) },
  }
}
