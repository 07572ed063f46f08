/**
 * That a part of a screen was not recorded is a fact too. The first of a kind is told at once, what follows within a minute as
 * one, so that a page cannot fill the log with it; what the log cannot take now is told as soon as it can. Killed: of a gap
 * that goes on the last minute is lost, its beginning is in the log.
 */
import { TravessiaError } from '@travessia/schemas/errors'
import { newId, newTimeId } from '@travessia/schemas/ids'
import type { GapCause } from '@travessia/schemas/recording-gaps'
import type { Logger } from 'pino'
import type { EventStore, NewEvent } from '../store/event-store.ts'
import type { DeviceRow } from '../views/devices.ts'
import type { LiveSession } from './remote-sessions.ts'

export const quietMs = 60_000
const retryMs = 5_000

type Deps = {
  readonly store: Pick<EventStore, 'append'>
  readonly now: () => number
  readonly log: Logger
}
export type Recorded = { readonly session: LiveSession; readonly device: DeviceRow }
type Gap = {
  readonly cause: GapCause
  from: number
  to: number
  /** Not told yet. */
  parts: number
}

export class RecordingGaps {
  readonly #deps: Deps
  readonly #gaps = new Map<string, Gap>()
  readonly #telling = new Set<Promise<void>>()
  readonly #stopping = new AbortController()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** @param since the last that was recorded, ms since 1970 */
  note(of: Recorded, cause: GapCause, since?: number): void {
    const now = this.#deps.now()
    const key = `${of.session.id} ${cause}`
    const known = this.#gaps.get(key)
    if (known) {
      if (known.parts === 0) known.from = since ?? now
      known.parts += 1
      known.to = now
      return
    }
    const gap: Gap = { cause, from: since ?? now, to: now, parts: 1 }
    this.#gaps.set(key, gap)
    const telling = this.#tell(of, gap)
    this.#telling.add(telling)
    void telling.finally(() => {
      this.#gaps.delete(key)
      this.#telling.delete(telling)
    })
  }

  /** What is known of gaps is in the log, if it can be. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#telling)
  }

  async #tell(of: Recorded, gap: Gap): Promise<void> {
    while (gap.parts > 0) {
      const fact = factOf(of, gap, this.#deps.now())
      gap.parts = 0
      while (!(await this.#isTold(of.session, fact))) await this.#wait(retryMs)
      await this.#wait(quietMs)
    }
  }

  /** false: it is worth another try. */
  async #isTold({ id: streamId, tenantId }: LiveSession, fact: NewEvent): Promise<boolean> {
    const { store, log } = this.#deps
    const stream = { tenantId, streamKind: 'session', streamId, expected: 'any' } as const
    try {
      await store.append({ ...stream, events: [fact] })
      return true
    } catch (err) {
      log.error({ err, sessionId: streamId }, 'gap of a recording not recorded')
      const isAway = err instanceof TravessiaError && err.code === 'STORE_UNAVAILABLE'
      return !isAway || this.#stopping.signal.aborted
    }
  }

  #wait(ms: number): Promise<void> {
    const { signal } = this.#stopping
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, ms).unref()
      signal.addEventListener('abort', end)
      if (signal.aborted) end()
    })
  }
}

function factOf({ session, device }: Recorded, { cause, from, to, parts }: Gap, now: number) {
  const [id, at] = [newId(), new Date(now).toISOString()]
  return {
    ...{ id, type: 'RecordingGapDetected', at, correlationId: newTimeId(now) },
    data: { cause, from: new Date(from).toISOString(), to: new Date(to).toISOString(), parts },
    ...{ actor: { type: 'system', id: 'recording' }, sessionId: session.id },
    ...{ installationId: device.installationId, deviceId: device.id },
  } as const satisfies NewEvent
}
