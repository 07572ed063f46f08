/** The append-only log. One interface, one conformance suite for every engine. */
import type {
  EventContext,
  EventType,
  Fact,
  RecordedEvent,
  StreamKind,
} from '@travessia/schemas/events'
import type { EvidenceLog } from './evidence-log.ts'

/** `id`: of a fact that may be told twice; a new one where there is none. */
export type NewEvent = Fact & EventContext & { readonly id?: string }

export type Append = {
  readonly tenantId: string
  readonly streamKind: StreamKind
  readonly streamId: string
  /** Version the stream must have now: a number, `none` (it must not exist) or `any`. */
  readonly expected: number | 'any' | 'none'
  readonly events: readonly NewEvent[]
}

/** Where the last event of an append stands. */
export type Appended = { readonly position: number; readonly version: number }

export type Haste = 'now' | 'soon'

export type EventFilter = {
  readonly tenantId: string
  readonly installationId?: string
  /** Narrowed readers: only these installations (and tenant-wide events of nobody else). */
  readonly installationIds?: readonly string[]
  readonly actorId?: string
  readonly deviceId?: string
  readonly sessionId?: string
  /** Any of these. */
  readonly types?: readonly EventType[]
  /** ISO UTC, inclusive. */
  readonly from?: string
  readonly to?: string
  /** From the `nextCursor` of the page before. */
  readonly cursor?: string
  readonly limit: number
}

/** `nextCursor`: there may be more, also of a page that is not full: it looks at so many events and no more. */
export type EventPage = {
  readonly items: RecordedEvent[]
  readonly nextCursor?: string
}

export type StreamPage = {
  /** From the version after this one. */
  readonly after?: number | undefined
  readonly limit: number
}

export interface EventStore {
  readonly evidence: EvidenceLog
  /**
   * Resolves after the durable commit. A refused append does not disturb others of the same batch. The same events
   * (by id) at the same version of the stream once more: nothing is written, the answer is that of the first time.
   * @throws TravessiaError CONFLICT (stream is at another version), STORE_UNAVAILABLE (full queue, broken disk),
   *   MESSAGE_INVALID (text that JSON cannot say exactly); TypeError for a fact that does not fit its schema
   */
  append(append: Append): Promise<Appended>
  /**
   * The same, but what is refused before it waits for the writer is thrown at once, not by the promise.
   * @param haste `soon`: nobody waits for it, so it goes with the next that somebody waits for, or after a few milliseconds
   */
  take(append: Append, haste: Haste): Promise<Appended>
  /** Events of one stream, oldest first: all, or a page of one that may be long. */
  readStream(tenantId: string, streamId: string, page?: StreamPage): Promise<RecordedEvent[]>
  /**
   * Newest first.
   * @param reach events that are looked at, at most
   * @param patience who would rather wait for a turn than be told NODE_BUSY, until this is aborted
   * @throws TravessiaError MESSAGE_INVALID for a cursor that is not ours; NODE_BUSY: the customer asks too much at once
   */
  query(filter: EventFilter, reach?: number, patience?: AbortSignal): Promise<EventPage>
  /** Gap-free, oldest first: a reader may checkpoint by position. */
  readAll(afterPosition: number, limit: number): Promise<RecordedEvent[]>
  /** The same for one tenant. */
  readTenant(tenantId: string, afterPosition: number, limit: number): Promise<RecordedEvent[]>
  /** Position of the newest durable event; 0: none. */
  head(): Promise<number>
  /** Called after each commit with the newest position; a hint, polling is the truth. */
  onAppended(listener: (position: number) => void): () => void
  close(): Promise<void>
}
