/** One session as an auditor looks at it again: that they do is in the log before anything is shown. */
import type { AuditEvent, AuditSession } from '@travessia/schemas/api'
import { ApiError, get, getFound, post } from '../api.ts'
import { firstOf, timelineOf } from '../exchanges.ts'
import { type Moment, momentsOf } from '../replay.ts'

const commandsAtOnce = 200

export class Replay {
  audit = $state.raw<AuditSession>()
  error = $state.raw<ApiError>()
  isLoading = $state(false)
  /** More commands were sent to the device meanwhile than are shown. */
  hasMoreCommands = $state(false)
  readonly #path: string
  #commands = $state.raw<readonly AuditEvent[]>([])
  #isRecorded = false

  readonly events: readonly AuditEvent[] = $derived(
    eachOnce([...(this.audit?.events ?? []), ...this.#commands]),
  )
  readonly startMs: number = $derived(Date.parse(this.audit?.events[0]?.at ?? '') || 0)
  readonly moments: readonly Moment[] = $derived(
    momentsOf(timelineOf(this.events), this.startMs).toSorted((a, b) => a.fromMs - b.fromMs),
  )
  /** What people read: that the screen is being recorded is no event of the session. */
  readonly lines: readonly Moment[] = $derived(
    this.moments.filter(({ line }) => firstOf(line).type !== 'DomRecordingStored'),
  )
  readonly durationMs: number = $derived(Math.max(0, ...this.moments.map(({ toMs }) => toMs)))

  constructor(id: string) {
    this.#path = `/api/audit/sessions/${id}`
    void this.load()
  }

  async load(): Promise<void> {
    this.error = undefined
    this.isLoading = true
    try {
      if (!this.#isRecorded) await post(`${this.#path}/replays`)
      this.#isRecorded = true
      const { audit } = this
      const after = audit?.nextAfter === undefined ? '' : `?after=${audit.nextAfter}`
      const next = await get<AuditSession>(this.#path + after)
      if (!audit) await this.#loadCommands(next.session)
      this.audit = audit ? { ...next, events: [...audit.events, ...next.events] } : next
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      this.error = error
    }
    this.isLoading = false
  }

  /** Everybody's at this device, from the session's opening to its end. */
  async #loadCommands({ deviceId, openedAt, endedAt }: AuditSession['session']): Promise<void> {
    const query = new URLSearchParams({
      ...{ kind: 'command', deviceId, from: openedAt, limit: String(commandsAtOnce) },
      ...(endedAt === null ? {} : { to: endedAt }),
    })
    const { items, nextCursor } = await getFound<AuditEvent>(`/api/audit/events?${query}`)
    this.#commands = items
    this.hasMoreCommands = nextCursor !== undefined
  }
}

/** In log order: a command that belongs to the session comes with it, and once more with those of the time. */
function eachOnce(events: readonly AuditEvent[]): AuditEvent[] {
  const byId = new Map(events.map((event) => [event.id, event]))
  return [...byId.values()].sort((a, b) => a.position - b.position)
}
