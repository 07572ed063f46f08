/** A session's facts as lines to read: a request and its answer are one. */
import type { AuditEvent } from '@travessia/schemas/api'

export type Exchange = {
  readonly kind: 'exchange'
  readonly request: AuditEvent
  /** undefined: it is still under way, or the answer was never seen. */
  readonly answer: AuditEvent | undefined
}
export type TimelineLine = Exchange | { readonly kind: 'event'; readonly event: AuditEvent }

/** @param events in log order */
export function timelineOf(events: readonly AuditEvent[]): TimelineLine[] {
  const answers = new Map<unknown, AuditEvent>()
  for (const event of events)
    if (/^(HttpResponseReceived|HttpExchangeFailed)$/.test(event.type))
      answers.set(event.data['requestId'], event)
  const lines: TimelineLine[] = []
  for (const event of events) {
    if (event.type === 'HttpRequestForwarded') {
      const answer = answers.get(event.data['requestId'])
      answers.delete(event.data['requestId'])
      lines.push({ kind: 'exchange', request: event, answer })
    } else if (!isAnswered(event, answers)) lines.push({ kind: 'event', event })
  }
  return lines
}

/** An answer that went into its request's line; one without a request in sight stays a line of its own. */
function isAnswered(event: AuditEvent, left: ReadonlyMap<unknown, AuditEvent>): boolean {
  return (
    /^(HttpResponseReceived|HttpExchangeFailed)$/.test(event.type) &&
    left.get(event.data['requestId']) !== event
  )
}
