/** `EvidenceLog` on SQLite: reads here, writes through the one writer. */
import type { DatabaseSync } from 'node:sqlite'
import type { EventFilter } from './event-store.ts'
import type {
  Entry,
  EvidenceLog,
  Expiry,
  KeptCheckpoint,
  KeptCosignature,
  Leaf,
  Page,
} from './evidence-log.ts'
import {
  entriesQuery,
  evidenceStatements,
  leavesOf,
  leavesQuery,
  toCheckpoint,
  toCosignature,
  toEntry,
  toLeaf,
  toSize,
} from './query.ts'
import { sqliteWalker } from './walk.ts'
import type { WriteQueue } from './write-queue.ts'

export class SqliteEvidence implements EvidenceLog {
  readonly #reader: DatabaseSync
  readonly #queue: WriteQueue

  constructor(reader: DatabaseSync, queue: WriteQueue) {
    this.#reader = reader
    this.#queue = queue
  }

  keep(checkpoints: readonly KeptCheckpoint[]): Promise<void> {
    return this.#queue.keep(checkpoints)
  }

  keepCosignature(cosignature: KeptCosignature): Promise<void> {
    return this.#queue.keep(cosignature)
  }

  async cosignatures(tenantId: string, upTo: number): Promise<KeptCosignature[]> {
    const rows = this.#reader.prepare(evidenceStatements.cosignatures).all(tenantId, upTo)
    return rows.map(toCosignature)
  }

  expire(expiry: Expiry): Promise<void> {
    return this.#queue.keep(expiry)
  }

  /** One file: its pages are used again. */
  async dropEmptied(): Promise<void> {}

  refuse(tenantId: string): void {
    this.#queue.refuse(tenantId)
  }

  async sizes(): Promise<Array<{ tenantId: string; size: number }>> {
    return this.#reader.prepare(evidenceStatements.sizes).all().map(toSize)
  }

  async readLeaves(tenantId: string, page: Page): Promise<Leaf[]> {
    const { sql, values } = leavesQuery(tenantId, page, sqliteWalker)
    return leavesOf(this.#reader.prepare(sql).all(...values), page.limit)
  }

  async readExpired(tenantId: string, { after, limit }: Page): Promise<Leaf[]> {
    return this.#reader.prepare(evidenceStatements.expired).all(tenantId, after, limit).map(toLeaf)
  }

  async readEntries(filter: Omit<EventFilter, 'cursor' | 'limit'>, page: Page): Promise<Entry[]> {
    const { sql, values } = entriesQuery(filter, page, sqliteWalker)
    return this.#reader
      .prepare(sql)
      .all(...values)
      .map(toEntry)
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
