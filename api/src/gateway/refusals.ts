/**
 * Who was turned away at a session's address is a fact of the session: the first time at once, then once a minute with the number, so
 * that nobody fills a customer's log from outside. What is counted and not yet said goes with the session or the process.
 */
import type { ErrorCode } from '@travessia/schemas/errors'
import type { EventContext } from '@travessia/schemas/events'
import { newTimeId } from '@travessia/schemas/ids'
import { redactUrl } from '@travessia/schemas/redact'
import type { Logger } from 'pino'
import type { EventStore } from '../store/event-store.ts'
import type { LiveSession } from './remote-sessions.ts'

const quietMs = 60_000
const maxPathLength = 300

/** Of what was wanted, not of how a page or a device behaves. */
const attempts: ReadonlySet<ErrorCode> = new Set([
  ...(['SESSION_COOKIE_MISSING', 'ORIGIN_REFUSED', 'TICKET_USED'] as const),
  ...(['TARGET_FORBIDDEN', 'METHOD_NOT_ALLOWED'] as const),
])

type Deps = {
  readonly store: Pick<EventStore, 'append'>
  readonly now: () => number
  readonly log: Pick<Logger, 'error'>
}
type Asked = { readonly method: string; readonly path: string }

export class Refusals {
  readonly #deps: Deps
  readonly #told = new WeakMap<LiveSession, Map<ErrorCode, { at: number; since: number }>>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Not waited for: the answer is no in any case. */
  tell(session: LiveSession, errorCode: ErrorCode, { method, path }: Asked): void {
    if (!attempts.has(errorCode)) return
    const { store, now, log } = this.#deps
    const at = now()
    const told = this.#told.get(session) ?? new Map<ErrorCode, { at: number; since: number }>()
    this.#told.set(session, told)
    const last = told.get(errorCode)
    if (last && Math.abs(at - last.at) < quietMs) {
      last.since += 1
      return
    }
    told.set(errorCode, { at, since: 0 })
    const asked = { method: method.slice(0, 20), path: redactUrl(path).slice(0, maxPathLength) }
    const data = { ...asked, errorCode, count: 1 + (last?.since ?? 0) }
    store
      .append({
        ...{ tenantId: session.tenantId, streamKind: 'session', streamId: session.id },
        ...{
          expected: 'any',
          events: [{ ...contextOf(session, at), type: 'SessionAttempted', data }],
        },
      })
      .catch((error: unknown) => log.error({ err: error, sessionId: session.id }, 'not recorded'))
  }
}

/** Nobody knows who it was: whoever has the cookie is let in. */
function contextOf({ id: sessionId, installationId, deviceId }: LiveSession, at: number) {
  return {
    ...{ actor: { type: 'system', id: 'gateway' }, at: new Date(at).toISOString() },
    ...{ installationId, deviceId, sessionId, correlationId: newTimeId(at) },
  } satisfies EventContext
}
