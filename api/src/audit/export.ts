/** Rows of a query as CSV or JSON lines, streamed page by page: in memory is one page, whatever the log is. */
import { setImmediate as breathe } from 'node:timers/promises'
import type { AuditEvent } from '@travessia/schemas/api'
import { canonicalJson } from '@travessia/schemas/canonical-json'
import { type Language, TravessiaError } from '@travessia/schemas/errors'
import type { EventFilter, EventPage, EventStore } from '../store/event-store.ts'
import type { SessionFilter, SessionsView } from '../views/sessions.ts'
import { type ReadingDeps, readEvents } from './reading.ts'

const pageEvents = 200
const maxSessions = 200

const columns = [
  ...['position', 'logIndex', 'id', 'type', 'at', 'actorType', 'actorId', 'actorName'],
  ...['installationId', 'deviceId', 'sessionId', 'commandId', 'correlationId', 'summary', 'data'],
] as const

export const exportTypes = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/jsonl; charset=utf-8',
} as const
export type ExportFormat = keyof typeof exportTypes

type ExportOrder = {
  readonly filter: Omit<EventFilter, 'limit'>
  /** Of these only, one after the other. */
  readonly sessionIds?: readonly string[] | undefined
  readonly format: ExportFormat
  readonly language: Language
  /** Aborted: whoever wanted it has gone. */
  readonly signal: AbortSignal
  /** Told of each page how many events it has. */
  readonly seen?: (events: number) => void
}

/** Newest first (of sessions: the newest session, and each so); reads on only when the reader wants more, and in turns with everything else. */
export async function* exportedLines(
  deps: ReadingDeps & { readonly store: Pick<EventStore, 'query'> },
  order: ExportOrder,
): AsyncGenerator<string> {
  const { filter, sessionIds, format, language } = order
  // Goes with the first page: what cannot even begin is an answer, not a file.
  let head = exportHead(format)
  const filters = sessionIds?.map((sessionId) => ({ ...filter, sessionId })) ?? [filter]
  for (const one of filters)
    for await (const page of pagesOf(deps.store, one, order.signal)) {
      const events = await readEvents(deps, page, language)
      order.seen?.(events.length)
      yield head + events.map((event) => exportLine(format, event)).join('')
      head = ''
    }
  if (head) yield head
}

/** In the middle of a file nobody can be told to come back: a page waits for its turn. */
async function* pagesOf(
  store: Pick<EventStore, 'query'>,
  filter: ExportOrder['filter'],
  signal: AbortSignal,
) {
  for (let next: string | undefined = filter.cursor; ; ) {
    const cursor = next === undefined ? {} : { cursor: next }
    const asked = { ...filter, ...cursor, limit: pageEvents }
    const page: EventPage = await store.query(asked, undefined, signal)
    yield page.items
    if (page.nextCursor === undefined) return
    next = page.nextCursor
    await breathe()
  }
}

/** @throws TravessiaError MESSAGE_INVALID: more than may be exported at once */
export async function sessionsToExport(
  sessions: Pick<SessionsView, 'list'>,
  filter: Omit<SessionFilter, 'limit'>,
): Promise<string[]> {
  const rows = await sessions.list({ ...filter, limit: maxSessions + 1 })
  if (rows.length > maxSessions)
    throw new TravessiaError('MESSAGE_INVALID', { problem: `over ${maxSessions} sessions` })
  return rows.map(({ id }) => id)
}

/** What stands before the first row. */
export function exportHead(format: ExportFormat): string {
  return format === 'csv' ? `${columns.join(',')}\r\n` : ''
}

export function exportLine(format: ExportFormat, event: AuditEvent): string {
  if (format === 'jsonl') return `${canonicalJson(event)}\n`
  const { actor } = event
  const row: Readonly<Record<string, unknown>> = {
    ...event,
    ...{ actorType: actor.type, actorId: actor.id, actorName: actor.name },
    data: canonicalJson(event.data),
  }
  return `${columns.map((column) => csvCell(row[column])).join(',')}\r\n`
}

/** A text that a spreadsheet would take for a formula is quoted away. */
export function csvCell(value: unknown): string {
  const text = value === undefined || value === null ? '' : String(value)
  // Behind `;` and tabs too: what splits there (Excel in pt-BR) begins a cell there.
  const safe = text.replace(
    /(?:^|(?<=[;\t\r\n]))(?=\s*[=+\-@\uff0b\uff0d\uff1d\uff20]|[\t\r\n])/g,
    "'",
  )
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
