/** The event store on node:sqlite: a writer in a worker thread, a read-only connection here. */
import { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import type { Append, Appended, EventFilter, EventStore, Haste } from './event-store.ts'
import type { EvidenceLog } from './evidence-log.ts'
import { pageOf, queriesOf, statements, streamValues, tenantQuery, toEvent } from './query.ts'
import { SqliteEvidence } from './sqlite-evidence.ts'
import { sqliteWalker, type Values } from './walk.ts'
import { openWriteQueue, type WriteQueue } from './write-queue.ts'

/**
 * @param waits called when another process lays out the log, which is waited for
 * @throws when the file cannot be opened or its migrations have drifted
 */
export async function createSqliteStore(path: string, waits?: () => void): Promise<EventStore> {
  const queue = await openWriteQueue('./sqlite-worker.ts', { path }, waits)
  return new SqliteStore(queue, new DatabaseSync(path, { readOnly: true }))
}

class SqliteStore implements EventStore {
  readonly evidence: EvidenceLog
  readonly #queue: WriteQueue
  readonly #reader: DatabaseSync
  /** What is asked again and again. */
  readonly #all: ReturnType<DatabaseSync['prepare']>

  constructor(queue: WriteQueue, reader: DatabaseSync) {
    this.#queue = queue
    this.#reader = reader
    this.#all = reader.prepare(statements.all)
    this.evidence = new SqliteEvidence(reader, queue)
  }

  append(append: Append): Promise<Appended> {
    return this.#queue.append(append)
  }

  take(append: Append, haste: Haste): Promise<Appended> {
    return this.#queue.take(append, haste)
  }

  async readStream(...stream: Parameters<EventStore['readStream']>): Promise<RecordedEvent[]> {
    return this.#read(statements.stream, streamValues(...stream))
  }

  async readAll(afterPosition: number, limit: number): Promise<RecordedEvent[]> {
    return this.#all.all(afterPosition, limit).map(toEvent)
  }

  async readTenant(
    tenantId: string,
    afterPosition: number,
    limit: number,
  ): Promise<RecordedEvent[]> {
    const { sql, values } = tenantQuery(tenantId, { after: afterPosition, limit }, sqliteWalker)
    return this.#read(sql, values)
  }

  async query(filter: EventFilter): Promise<{ items: RecordedEvent[]; nextCursor?: string }> {
    const found = queriesOf(filter, sqliteWalker).flatMap(({ sql, values }) =>
      this.#read(sql, values),
    )
    return pageOf(found, filter.limit)
  }

  async head(): Promise<number> {
    return Number(this.#reader.prepare(statements.head).get()?.['next_position']) - 1
  }

  onAppended(listener: (position: number) => void): () => void {
    return this.#queue.onAppended(listener)
  }

  async close(): Promise<void> {
    await this.#queue.close()
    this.#reader.close()
  }

  #read(sql: string, values: Values): RecordedEvent[] {
    return this.#reader
      .prepare(sql)
      .all(...values)
      .map(toEvent)
  }
}
