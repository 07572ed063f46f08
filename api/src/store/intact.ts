/** Whether a row is what was written: the text that was hashed, and columns that lead to it whatever list it is looked for in. */
import type { RecordedEvent } from '@travessia/schemas/events'
import { isTime, leafOf, sessionOf } from './event-text.ts'
import type { Row } from './rows.ts'
import { key, marksFor, type Query } from './walk.ts'

const keys = ['stream', 'type', 'actor', 'installation', 'device', 'session']
const ids = keys.map((name) => `(select id from ref where key = ${name}_key) as ${name}`)
export const intactColumns = `position, log_index, version, at, leaf_hash, body, ${ids.join(', ')}`

/** Where the index of times says that the events of these hours are. */
export function hoursQuery(tenantId: string, rows: readonly Row[]): Query {
  const hours = [...new Set(rows.map((row) => hourOf(Number(row['at']))))]
  return {
    sql: `select hour, first_position, last_position from event_hour
      where tenant_key = ${key} and hour in (${marksFor(hours)})`,
    values: [tenantId, ...hours],
  }
}

/** @returns place in the log of the first of these rows that is not */
export function firstNotIntact(
  tenantId: string,
  rows: readonly Row[],
  hours: readonly Row[],
): number | undefined {
  const spans = new Map(hours.map((row) => [String(row['hour']), row]))
  const found = rows.find((row) => !isIntact(row, tenantId, spans))
  return found && Number(found['log_index'])
}

function isIntact(row: Row, tenantId: string, hours: ReadonlyMap<string, Row>): boolean {
  const text = String(row['body'])
  const leaf = row['leaf_hash']
  if (!(leaf instanceof Uint8Array && leafOf(text).equals(leaf))) return false
  const event = eventIn(text)
  if (event?.tenantId !== tenantId) return false
  const { streamId, version, type, actor, installationId, deviceId, sessionId } = event
  const said: Readonly<Record<string, unknown>> = {
    ...{ stream: streamId, version, type, actor: actor?.id },
    ...{ installation: installationId, device: deviceId, session: sessionOf(event, sessionId) },
  }
  const isSaid = Object.entries(said).every(([name, value]) => (row[name] ?? undefined) === value)
  return isSaid && isInTime(event.at, row, hours)
}

/** Older versions let in what is no time; it is found by none. */
function isInTime(at: unknown, row: Row, hours: ReadonlyMap<string, Row>): boolean {
  if (typeof at !== 'string' || !isTime(at)) return true
  const [time, position] = [Date.parse(at), Number(row['position'])]
  const span = hours.get(hourOf(time))
  if (!span || Number(row['at']) !== time) return false
  return Number(span['first_position']) <= position && position <= Number(span['last_position'])
}

function eventIn(text: string): RecordedEvent | undefined {
  try {
    return (JSON.parse(text) ?? undefined) as RecordedEvent | undefined
  } catch {
    return undefined
  }
}

/** Of what is no time none. */
function hourOf(time: number): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? '' : date.toISOString().slice(0, 13)
}
