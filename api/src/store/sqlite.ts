/** The event store on node:sqlite: a writer in a worker thread, a read-only connection here. */
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { isErrorCode, TravessiaError } from '@travessia/schemas/errors'
import type { RecordedEvent } from '@travessia/schemas/events'
import { requireValidFact } from './check-fact.ts'
import type { Append, Appended, EventFilter, EventStore } from './event-store.ts'
import type { EvidenceLog, KeptCheckpoint } from './evidence-log.ts'
import { SqliteEvidence } from './sqlite-evidence.ts'
import { conditionsOf } from './sqlite-query.ts'
import type { KeepAnswer, WriteAnswer } from './sqlite-worker.ts'

const maxQueuedEvents = 10_000
const maxBatchEvents = 500
const maxBatchChars = 256 * 1024

type Waiting = {
  readonly append: Append
  readonly chars: number
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: Error) => void
}
type Row = Record<string, unknown>

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

/** @throws when the file cannot be opened or its migrations have drifted */
export async function createSqliteStore(path: string): Promise<EventStore> {
  const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), {
    workerData: { path },
  })
  await once(worker, 'message')
  return new SqliteStore(worker, new DatabaseSync(path, { readOnly: true }))
}

class SqliteStore implements EventStore {
  readonly evidence: EvidenceLog
  readonly #worker: Worker
  readonly #reader: DatabaseSync
  readonly #listeners = new Set<(position: number) => void>()
  readonly #refused = new Set<string>()
  readonly #keeping: Array<PromiseWithResolvers<void>> = []
  #queue: Waiting[] = []
  #queuedEvents = 0
  #writing: Waiting[] | undefined
  #isClosed = false
  #whenIdle: (() => void) | undefined

  constructor(worker: Worker, reader: DatabaseSync) {
    this.#worker = worker
    this.#reader = reader
    this.evidence = new SqliteEvidence(reader, {
      keep: (checkpoints) => this.#keep(checkpoints),
      refuse: (tenantId) => this.#refused.add(tenantId),
    })
    worker.on('message', (answer: KeepAnswer | readonly WriteAnswer[]) =>
      'kept' in answer ? this.#kept(answer) : this.#answered(answer),
    )
    worker.on('error', (error) => this.#broken(error))
    worker.on('exit', (code) => this.#broken(new Error(`the writer ended with ${code}`)))
  }

  async append(append: Append): Promise<Appended> {
    for (const event of append.events) requireValidFact(event)
    if (this.#refused.has(append.tenantId))
      throw new TravessiaError('STORE_UNAVAILABLE', { problem: 'damaged' })
    if (this.#isClosed || this.#queuedEvents + append.events.length > maxQueuedEvents)
      throw new TravessiaError('STORE_UNAVAILABLE', { queued: this.#queuedEvents })
    const chars = JSON.stringify(append.events).length
    return new Promise((resolve, reject) => {
      this.#queue.push({ append, chars, resolve, reject })
      this.#queuedEvents += append.events.length
      if (!this.#writing) setImmediate(() => this.#write())
    })
  }

  async readStream(tenantId: string, streamId: string, afterVersion = 0): Promise<RecordedEvent[]> {
    return this.#read(statements.stream, [streamId, tenantId, afterVersion])
  }

  async readAll(afterPosition: number, limit: number): Promise<RecordedEvent[]> {
    return this.#read(statements.all, [afterPosition, limit])
  }

  async readTenant(
    tenantId: string,
    afterPosition: number,
    limit: number,
  ): Promise<RecordedEvent[]> {
    return this.#read(statements.tenant, [tenantId, afterPosition, limit])
  }

  async query(filter: EventFilter): Promise<{ items: RecordedEvent[]; nextCursor?: string }> {
    const { sql, values } = queryOf(filter)
    const items = this.#read(sql, values)
    const last = items.at(-1)
    return items.length < filter.limit || !last
      ? { items }
      : { items, nextCursor: String(last.position) }
  }

  async head(): Promise<number> {
    return Number(this.#reader.prepare(statements.head).get()?.['next_position']) - 1
  }

  onAppended(listener: (position: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#keeping.map(({ promise }) => promise))
    if (this.#queuedEvents > 0)
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    await this.#worker.terminate()
    this.#reader.close()
  }

  #write(): void {
    if (this.#writing || this.#queue.length === 0) return
    this.#writing = this.#queue.splice(0, batchSize(this.#queue))
    this.#worker.postMessage(this.#writing.map(({ append }) => append))
  }

  #answered(answers: readonly WriteAnswer[]): void {
    const written = this.#writing ?? []
    this.#writing = undefined
    let newest = 0
    written.forEach(({ append, resolve, reject }, index) => {
      this.#queuedEvents -= append.events.length
      const answer = answers[index]
      if (answer && 'position' in answer) {
        newest = Math.max(newest, answer.position)
        resolve(answer)
      } else {
        const code = isErrorCode(answer?.error) ? answer.error : 'STORE_UNAVAILABLE'
        reject(new TravessiaError(code, { problem: answer?.problem }))
      }
    })
    if (newest > 0) for (const listener of this.#listeners) listener(newest)
    if (this.#queuedEvents === 0) this.#whenIdle?.()
    this.#write()
  }

  async #keep(checkpoints: readonly KeptCheckpoint[]): Promise<void> {
    if (this.#isClosed) throw new TravessiaError('STORE_UNAVAILABLE')
    const kept = Promise.withResolvers<void>()
    this.#keeping.push(kept)
    this.#worker.postMessage({ keep: checkpoints })
    return kept.promise
  }

  /** The writer answers in the order in which it was asked. */
  #kept(answer: KeepAnswer): void {
    const waiting = this.#keeping.shift()
    if (answer.kept) waiting?.resolve()
    else waiting?.reject(new TravessiaError(answer.error, { problem: answer.problem }))
  }

  /** The writer thread died: nothing may be done any more, so nothing is promised. */
  #broken(cause: unknown): void {
    this.#isClosed = true
    const waiting = [...(this.#writing ?? []), ...this.#queue]
    this.#writing = undefined
    this.#queue = []
    this.#queuedEvents = 0
    this.#whenIdle?.()
    for (const { reject } of [...waiting, ...this.#keeping.splice(0)])
      reject(new TravessiaError('STORE_UNAVAILABLE', {}, { cause }))
  }

  #read(sql: string, values: Array<string | number>): RecordedEvent[] {
    return this.#reader
      .prepare(sql)
      .all(...values)
      .map(toEvent)
  }
}

function toEvent(row: Row): RecordedEvent {
  const event = JSON.parse(String(row['body'])) as RecordedEvent
  return { ...event, position: Number(row['position']), logIndex: Number(row['log_index']) }
}

/** How many of the waiting appends go into one transaction: at least one. */
function batchSize(queue: readonly Waiting[]): number {
  let events = 0
  let size = 0
  for (const [index, { append, chars }] of queue.entries()) {
    events += append.events.length
    size += chars
    if (events > maxBatchEvents || size > maxBatchChars) return Math.max(1, index)
  }
  return queue.length
}

/** Newest first by position. */
export function queryOf(filter: EventFilter): { sql: string; values: Array<string | number> } {
  const { conditions, values } = conditionsOf(filter)
  const sql = `select ${columns} from event where ${conditions.join(' and ')}
    order by position desc limit ?`
  return { sql, values: [...values, filter.limit] }
}
