/** The event store over an engine: its one writer, its readers, and how it walks an index. */
import type { RecordedEvent } from '@travessia/schemas/events'
import type { Append, Appended, EventFilter, EventPage, EventStore, Haste } from './event-store.ts'
import { LogEvidence } from './log-evidence.ts'
import { PageTurns } from './page-turns.ts'
import { pageOf, queriesOf, statements, stopsOf, streamValues, tenantQuery } from './query.ts'
import { type Reader, type Row, toEvent, wholeLog } from './rows.ts'
import type { Query, Walker } from './walk.ts'
import type { WriteQueue } from './write-queue.ts'

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
  readonly #turns = new PageTurns()

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

  query(filter: EventFilter, reach?: number, patience?: AbortSignal): Promise<EventPage> {
    return this.#turns.take(filter.tenantId, () => this.#page(filter, reach), patience)
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
