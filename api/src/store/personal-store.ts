/**
 * The log as everybody else sees it: what is about a person (schemas/personal.ts) is sealed on the way in, before it is hashed,
 * and opened on the way out. Only here; the evidence keeps the stored texts as they are.
 */
import type { EventType, Fact, RecordedEvent } from '@travessia/schemas/events'
import {
  eventsWithHeaders,
  personalFields,
  personalHeaders,
  type Whose,
} from '@travessia/schemas/personal'
import type { SubjectKeys } from '../identity/subject-keys.ts'
import type { Append, Appended, EventPage, EventStore, Haste, NewEvent } from './event-store.ts'
import type { EvidenceLog } from './evidence-log.ts'
import { openText, sealText } from './personal-text.ts'

/** Says the text that is to stand for one that is about a person. */
type Change = (text: string, at: { readonly field: string; readonly whose: Whose }) => string
type Data = Readonly<Record<string, unknown>>

export class PersonalStore implements EventStore {
  readonly evidence: EvidenceLog
  readonly #inner: EventStore
  readonly #keys: SubjectKeys

  constructor(inner: EventStore, keys: SubjectKeys) {
    this.evidence = inner.evidence
    this.#inner = inner
    this.#keys = keys
  }

  async append(append: Append): Promise<Appended> {
    return this.#inner.append(this.#sealedOf(append))
  }

  take(append: Append, haste: Haste): Promise<Appended> {
    return this.#inner.take(this.#sealedOf(append), haste)
  }

  #sealedOf(append: Append): Append {
    const { tenantId } = append
    return { ...append, events: append.events.map((event) => this.#sealed(event, tenantId)) }
  }

  async readStream(...stream: Parameters<EventStore['readStream']>): Promise<RecordedEvent[]> {
    return this.#opened(await this.#inner.readStream(...stream))
  }

  async query(...asked: Parameters<EventStore['query']>): Promise<EventPage> {
    const page = await this.#inner.query(...asked)
    return { ...page, items: this.#opened(page.items) }
  }

  async readAll(afterPosition: number, limit: number): Promise<RecordedEvent[]> {
    return this.#opened(await this.#inner.readAll(afterPosition, limit))
  }

  async readTenant(tenantId: string, after: number, limit: number): Promise<RecordedEvent[]> {
    return this.#opened(await this.#inner.readTenant(tenantId, after, limit))
  }

  head(): Promise<number> {
    return this.#inner.head()
  }

  onAppended(listener: (position: number) => void): () => void {
    return this.#inner.onAppended(listener)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  #sealed(event: NewEvent, tenantId: string): NewEvent {
    const { type, actor } = event
    return changed(event, (text, { field, whose }) => {
      const person = whose === 'actor' && actor.type === 'user' ? actor.id : userOf(event)
      return sealText(this.#keys, text, { tenantId, subjectId: person ?? tenantId, type, field })
    })
  }

  #opened(events: RecordedEvent[]): RecordedEvent[] {
    return events.map((event) => {
      const { tenantId, type } = event
      return changed(event, (text, { field }) =>
        openText(this.#keys, text, { tenantId, type, field }),
      )
    })
  }
}

function userOf({ data }: Fact): string | undefined {
  return 'userId' in data ? data.userId : undefined
}

/** The same event with its personal texts changed; most have none. */
function changed<E extends { readonly type: EventType; readonly data: unknown }>(
  event: E,
  change: Change,
): E {
  const fields = personalFields[event.type]
  const hasHeaders = eventsWithHeaders.has(event.type)
  if (!fields && !hasHeaders) return event
  const headers = hasHeaders ? changedHeaders((event.data as Data)['headers'], change) : undefined
  if (!fields && headers === (event.data as Data)['headers']) return event
  const data: Record<string, unknown> = { ...(event.data as Data) }
  for (const [field, whose] of Object.entries<Whose>(fields ?? {})) {
    const text = data[field]
    if (typeof text === 'string') data[field] = change(text, { field, whose })
  }
  if (hasHeaders) data['headers'] = headers
  return { ...event, data }
}

/** The same array where nothing in it is about a person. */
function changedHeaders(headers: unknown, change: Change): unknown {
  if (!Array.isArray(headers)) return headers
  let changed: string[] | undefined
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = String(headers[i]).toLowerCase()
    if (!personalHeaders.has(name)) continue
    changed ??= [...headers]
    changed[i + 1] = change(String(headers[i + 1]), { field: name, whose: 'actor' })
  }
  return changed ?? headers
}
