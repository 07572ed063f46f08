/** The event store over an engine: its one writer, its readers, and how it walks an index. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { RecordedEvent } from '@travessia/schemas/events'
import type { Append, Appended, EventFilter, EventPage, EventStore, Haste } from './event-store.ts'
import { LogEvidence } from './log-evidence.ts'
import { pageOf, queriesOf, statements, stopsOf, streamValues, tenantQuery } from './query.ts'
import { type Reader, type Row, toEvent, wholeLog } from './rows.ts'
import type { Query, Walker } from './walk.ts'
import type { WriteQueue } from './write-queue.ts'

/** Under way, of one customer: they wait for each other, and for what others ask. */
const maxPagesOfTenant = 32

export type Engine = {
  readonly queue: WriteQueue
  /** For a page of what follows a place in the log or in a stream: doors and tunnels wait for it. */
  readonly near: Reader
  /** For lists and evidence, which may walk far. */
  readonly far: Reader
  readonly walker: Walker
  /** Of the readers, when nothing is written any more. */
  readonly close: () => Promise<void>
}

export class LogStore implements EventStore {
  readonly evidence: LogEvidence
  readonly #engine: Engine
  /** Under way, by customer. */
  readonly #pages = new Map<string, number>()

  constructor(engine: Engine) {
    this.#engine = engine
    this.evidence = new LogEvidence(engine)
  }

  append(append: Append): Promise<Appended> {
    return this.#engine.queue.append(append)
  }

  take(append: Append, haste: Haste): Promise<Appended> {
    return this.#engine.queue.take(append, haste)
  }

  async readStream(...stream: Parameters<EventStore['readStream']>): Promise<RecordedEvent[]> {
    const values = streamValues(...stream)
    const [tenantId] = stream
    return this.#seen(await this.#engine.near.rows(tenantId, statements.stream, values), tenantId)
  }

  async readAll(after: number, limit: number): Promise<RecordedEvent[]> {
    return this.#seen(await this.#engine.near.rows(wholeLog, statements.all, [after, limit]))
  }

  async readTenant(tenantId: string, after: number, limit: number): Promise<RecordedEvent[]> {
    const { sql, values } = tenantQuery(tenantId, { after, limit }, this.#engine.walker)
    return this.#seen(await this.#engine.near.rows(tenantId, sql, values), tenantId)
  }

  async query(filter: EventFilter, reach?: number): Promise<EventPage> {
    const { tenantId } = filter
    const pages = this.#pages.get(tenantId) ?? 0
    if (pages >= maxPagesOfTenant) throw new TravessiaError('NODE_BUSY')
    this.#pages.set(tenantId, pages + 1)
    try {
      return await this.#page(filter, reach)
    } finally {
      const left = (this.#pages.get(tenantId) ?? 1) - 1
      if (left > 0) this.#pages.set(tenantId, left)
      else this.#pages.delete(tenantId)
    }
  }

  async #page(filter: EventFilter, reach?: number): Promise<EventPage> {
    const { walker } = this.#engine
    // What is written between the first of several and the last would be in some only, and in no later page.
    if (queriesOf(filter, walker).length > 1 && filter.cursor === undefined)
      return this.#page({ ...filter, cursor: String((await this.head()) + 1) }, reach)
    const stops = await this.#far(filter, stopsOf(filter, walker, reach))
    const places = stops.map((row) => Number(row['position']))
    // Of several walks the one that came least far: below it not all has been looked at.
    const floor = places.length > 0 ? Math.max(...places) : undefined
    const found = await this.#far(filter, queriesOf(filter, walker, floor))
    const page = pageOf(found, filter, floor)
    this.#tellAltered(page.items)
    return page
  }

  #seen(rows: readonly Row[], tenantId?: string): RecordedEvent[] {
    const events = rows.map((row) => toEvent(row, tenantId ?? String(row['tenant'])))
    this.#tellAltered(events)
    return events
  }

  #tellAltered(events: readonly RecordedEvent[]): void {
    for (const { type, tenantId, logIndex } of events)
      if (type === 'EventAltered') this.evidence.altered(tenantId, logIndex)
  }

  async #far({ tenantId }: EventFilter, queries: readonly Query[]): Promise<Row[]> {
    const { far } = this.#engine
    return (await Promise.all(queries.map((one) => far.rows(tenantId, one.sql, one.values)))).flat()
  }

  async head(): Promise<number> {
    const [row] = await this.#engine.near.rows(wholeLog, statements.head, [])
    return Number(row?.['next_position']) - 1
  }

  onAppended(listener: (position: number) => void): () => void {
    return this.#engine.queue.onAppended(listener)
  }

  async close(): Promise<void> {
    await this.#engine.queue.close()
    await this.#engine.close()
  }
}
