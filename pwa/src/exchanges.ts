/** A session's facts as lines to read: a request and its answer are one, a command and what became of it too. */
import type { AuditEvent } from '@travessia/schemas/api'
import { recordingGapOf } from '@travessia/schemas/recording-gaps'

export type Exchange = {
  readonly kind: 'exchange'
  readonly request: AuditEvent
  /** undefined: it is still under way, or the answer was never seen. */
  readonly answer: AuditEvent | undefined
}
export type TimelineLine =
  | Exchange
  /** In log order, at least one. */
  | { readonly kind: 'command'; readonly events: readonly AuditEvent[] }
  | { readonly kind: 'event'; readonly event: AuditEvent }

/** @param events in log order */
export function timelineOf(events: readonly AuditEvent[]): TimelineLine[] {
  const answers = new Map<unknown, AuditEvent>()
  for (const event of events)
    if (/^(HttpResponseReceived|HttpExchangeFailed)$/.test(event.type))
      answers.set(event.data['requestId'], event)
  const commands = new Map<string, AuditEvent[]>()
  const lines: TimelineLine[] = []
  for (const event of events) {
    if (event.type === 'HttpRequestForwarded') {
      const answer = answers.get(event.data['requestId'])
      answers.delete(event.data['requestId'])
      lines.push({ kind: 'exchange', request: event, answer })
    } else if (event.type.startsWith('Command') && event.commandId !== undefined) {
      const known = commands.get(event.commandId)
      known?.push(event)
      if (known) continue
      const whole = [event]
      commands.set(event.commandId, whole)
      lines.push({ kind: 'command', events: whole })
    } else if (!isAnswered(event, answers)) lines.push({ kind: 'event', event })
  }
  return lines
}

/** The fact that a line begins with. */
export function firstOf(line: TimelineLine): AuditEvent {
  if (line.kind === 'exchange') return line.request
  return line.kind === 'event' ? line.event : (line.events[0] as AuditEvent)
}

/** The fact that a line ends with. */
export function lastOf(line: TimelineLine): AuditEvent {
  if (line.kind === 'exchange') return line.answer ?? line.request
  return line.kind === 'event' ? line.event : (line.events.at(-1) as AuditEvent)
}

/** Something was refused, went wrong, or is missing in the recording. */
export function isBad(event: AuditEvent): boolean {
  const { type, data } = event
  // Whoever looked went away: nothing went wrong.
  if (data['stage'] === 'browser') return false
  return (
    /Denied|Failed|Refused|Expired|Unknown|Revoked|Disconnected|Rejected|Lapsed/.test(type) ||
    (type === 'HttpResponseReceived' && Number(data['status']) >= 400) ||
    recordingGapOf(event) !== undefined
  )
}

/** An answer that went into its request's line; one without a request in sight stays a line of its own. */
function isAnswered(event: AuditEvent, left: ReadonlyMap<unknown, AuditEvent>): boolean {
  return (
    /^(HttpResponseReceived|HttpExchangeFailed)$/.test(event.type) &&
    left.get(event.data['requestId']) !== event
  )
}
