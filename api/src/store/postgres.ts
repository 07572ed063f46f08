/** The event store on PostgreSQL: a writer in a worker thread, a few reading connections here. */
import type { RecordedEvent } from '@travessia/schemas/events'
import type { Logger } from 'pino'
import type { Append, Appended, EventFilter, EventStore, Haste } from './event-store.ts'
import type { EvidenceLog } from './evidence-log.ts'
import { PostgresEvidence } from './postgres-evidence.ts'
import { PostgresReader, wholeLog } from './postgres-reader.ts'
import { prepareDatabase } from './postgres-setup.ts'
import { pageOf, queriesOf, statements, streamValues, tenantQuery, toEvent } from './query.ts'
import { postgresWalker } from './walk.ts'
import { openWriteQueue, type WriteQueue } from './write-queue.ts'

/** What other nodes append is heard of by NOTIFY, which may get lost; this is the truth. */
const pollMs = 500

/** @throws TravessiaError CONFIG_INVALID when the database cannot be reached, loses data by its settings, or has drifted */
export async function createPostgresStore(url: string, log: Logger): Promise<EventStore> {
  const access = { url, role: await prepareDatabase(url, { log }) }
  const queue = await openWriteQueue('./postgres-worker.ts', access)
  return new PostgresStore(queue, new PostgresReader(access))
}

class PostgresStore implements EventStore {
  readonly evidence: EvidenceLog
  readonly #queue: WriteQueue
  readonly #reader: PostgresReader
  readonly #poll: NodeJS.Timeout

  constructor(queue: WriteQueue, reader: PostgresReader) {
    this.#queue = queue
    this.#reader = reader
    this.evidence = new PostgresEvidence(reader, queue)
    this.#poll = setInterval(() => {
      // While the database is away there is nothing to hear.
      this.head().then(
        (position) => this.#queue.heard(position),
        () => undefined,
      )
    }, pollMs)
  }

  append(append: Append): Promise<Appended> {
    return this.#queue.append(append)
  }

  take(append: Append, haste: Haste): Promise<Appended> {
    return this.#queue.take(append, haste)
  }

  async readStream(...stream: Parameters<EventStore['readStream']>): Promise<RecordedEvent[]> {
    const values = streamValues(...stream)
    return (await this.#reader.rows(stream[0], statements.stream, values)).map(toEvent)
  }

  async readAll(afterPosition: number, limit: number): Promise<RecordedEvent[]> {
    const values = [afterPosition, limit]
    return (await this.#reader.rows(wholeLog, statements.all, values)).map(toEvent)
  }

  async readTenant(
    tenantId: string,
    afterPosition: number,
    limit: number,
  ): Promise<RecordedEvent[]> {
    const { sql, values } = tenantQuery(tenantId, { after: afterPosition, limit }, postgresWalker)
    return (await this.#reader.rows(tenantId, sql, values)).map(toEvent)
  }

  async query(filter: EventFilter): Promise<{ items: RecordedEvent[]; nextCursor?: string }> {
    const queries = queriesOf(filter, postgresWalker)
    if (queries.length === 0) return { items: [] }
    const sql = queries.map((one) => `(${one.sql})`).join(' union all ')
    const values = queries.flatMap((one) => one.values)
    const rows = await this.#reader.rows(filter.tenantId, sql, values)
    return pageOf(rows.map(toEvent), filter.limit)
  }

  async head(): Promise<number> {
    const [row] = await this.#reader.rows(wholeLog, statements.head, [])
    return Number(row?.['next_position']) - 1
  }

  onAppended(listener: (position: number) => void): () => void {
    return this.#queue.onAppended(listener)
  }

  async close(): Promise<void> {
    clearInterval(this.#poll)
    await this.#queue.close()
    await this.#reader.close()
  }
}
