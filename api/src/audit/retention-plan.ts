/**
 * What would expire of a customer's log. Whole streams only, and only those of what people did: sessions, commands, viewings,
 * passages, readings of the audit that have ended; and single sign-ins and refusals. What makes the state of today (installations,
 * agents, devices, members, rules, holds) never expires, so that views can be made from the log alone (ADR 28).
 */
import type { EventType, RecordedEvent, StreamKind } from '@travessia/schemas/events'
import { dayMs, type passingKinds } from '@travessia/schemas/retention'
import { type Hold, isHeld } from '../domain/retention.ts'

/** First and last place in the log, first and last position. */
export type ExpirySpan = [number, number, number, number]

/** With one of these a stream has ended; none: it never goes on. */
const endsOf: Record<(typeof passingKinds)[number], readonly EventType[] | null> = {
  session: ['SessionClosed', 'SessionExpired', 'SessionRevoked', 'SessionDenied'],
  command: [
    ...(['CommandSucceeded', 'CommandFailed', 'CommandRefused', 'CommandExpired'] as const),
    ...(['CommandUnknown', 'CommandRejected', 'CommandLapsed'] as const),
  ],
  camera: ['CameraViewClosed', 'CameraSnapshotRequested'],
  passage: null,
  audit: null,
}
const ends: Partial<Record<StreamKind, readonly EventType[] | null>> = endsOf
const exchangeEnds: readonly EventType[] = ['HttpResponseReceived', 'HttpExchangeFailed']
const alone: ReadonlySet<EventType> = new Set<EventType>([
  ...(['UserSignedIn', 'SignInFailed', 'UserSignedOut', 'AccessDenied'] as const),
])

type Lived = {
  isSession: boolean
  hasEnded: boolean
  /** A request of the API proxy has a stream of its own. */
  hasAnswer: boolean
  isHeld: boolean
  isBehind: boolean
  lastAt: string
}

export class RetentionPlan {
  readonly #until: string
  readonly #dayAfter: string
  /** The first event that both happened and was recorded a day after the border: behind it who verifies believes nothing older. */
  mark: { readonly logIndex: number; readonly at: string } | undefined
  readonly #holds: readonly Hold[]
  readonly #streams = new Map<string, Lived>()
  /** The next order of a device is counted from its last one. */
  readonly #lastOrders = new Map<string, { seq: number; streamId: string }>()
  readonly spans: ExpirySpan[] = []
  /** How many expire, of what, and how many would but for a hold, or but for the mark: a clock was ahead, or they were told late. */
  events = 0
  readonly kinds: Partial<Record<StreamKind, number>> = {}
  held = 0
  behind = 0

  constructor(until: string, holds: readonly Hold[]) {
    this.#until = until
    this.#dayAfter = new Date(Date.parse(until) + dayMs).toISOString()
    this.#holds = holds
  }

  /** First the whole log, oldest first. */
  see(event: RecordedEvent): void {
    const { streamKind, streamId, type, at, recordedAt, deviceId, logIndex } = event
    if (at >= this.#dayAfter && recordedAt >= this.#dayAfter) this.mark ??= { logIndex, at }
    const end = ends[streamKind]
    if (end === undefined) return
    const known = this.#streams.get(streamId)
    const lived = known ?? {
      ...{ isSession: false, hasEnded: end === null, hasAnswer: false, isHeld: false },
      ...{ isBehind: false, lastAt: at },
    }
    if (!known) this.#streams.set(streamId, lived)
    lived.isSession ||= type === 'SessionRequested'
    lived.hasEnded ||= end?.includes(type) === true
    lived.hasAnswer ||= exchangeEnds.includes(type)
    lived.isHeld ||= isHeld(event, this.#holds)
    lived.isBehind ||= this.#isBehind(logIndex)
    if (at > lived.lastAt) lived.lastAt = at
    if (type !== 'CommandIssued' && type !== 'CommandHeld') return
    const { seq } = event.data
    const last = this.#lastOrders.get(deviceId ?? '')
    if (!last || seq >= last.seq) this.#lastOrders.set(deviceId ?? '', { seq, streamId })
  }

  /** Then, once more, what is older than the border. */
  take(event: RecordedEvent): void {
    const { at, type, streamKind, streamId, logIndex, position } = event
    if (at >= this.#until) return
    const lived = this.#streams.get(streamId)
    const isDue = lived ? this.#isDue(lived, event) : alone.has(type)
    if (!isDue) return
    if (lived?.isHeld ?? isHeld(event, this.#holds)) {
      this.held += 1
      return
    }
    if (lived?.isBehind ?? this.#isBehind(logIndex)) {
      this.behind += 1
      return
    }
    this.events += 1
    this.kinds[streamKind] = (this.kinds[streamKind] ?? 0) + 1
    const span = this.spans.at(-1)
    if (span && span[1] === logIndex - 1) [span[1], span[3]] = [logIndex, position]
    else this.spans.push([logIndex, logIndex, position, position])
  }

  #isBehind(logIndex: number): boolean {
    return this.mark !== undefined && logIndex > this.mark.logIndex
  }

  #isDue(lived: Lived, { streamKind, streamId, deviceId }: RecordedEvent): boolean {
    const isProxied = streamKind === 'session' && !lived.isSession
    if (!(isProxied ? lived.hasAnswer : lived.hasEnded) || lived.lastAt >= this.#until) return false
    return streamKind !== 'command' || this.#lastOrders.get(deviceId ?? '')?.streamId !== streamId
  }
}
