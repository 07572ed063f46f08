/** Rows of a query as CSV or JSON lines, streamed page by page. */
import type { AuditEvent } from '@travessia/schemas/api'
import { canonicalJson } from '@travessia/schemas/canonical-json'

const columns = [
  ...['position', 'logIndex', 'id', 'type', 'at', 'actorType', 'actorId', 'actorName'],
  ...['installationId', 'deviceId', 'sessionId', 'commandId', 'correlationId', 'summary', 'data'],
] as const

export const exportTypes = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/jsonl; charset=utf-8',
} as const
export type ExportFormat = keyof typeof exportTypes

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
  const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
