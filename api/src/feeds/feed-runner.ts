/**
 * Sends one feed's part of the log: in order, batch after batch, each until it was taken. Nothing is skipped and nothing is kept in
 * memory but the batch on its way; while the other side is away the log itself is the queue.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditEvent } from '@travessia/schemas/api'
import { isErrorCode, TravessiaError } from '@travessia/schemas/errors'
import type { RecordedEvent } from '@travessia/schemas/events'
import type { FeedRow } from '../views/feeds.ts'
import type { FeedPlace } from './feed-places.ts'

const batchEvents = 100
const batchChars = 256 * 1024
const gatherMs = 250
const saidAfter = 5

type FeedDeps = {
  readonly read: (tenantId: string, after: number, limit: number) => Promise<RecordedEvent[]>
  readonly shown: (events: readonly RecordedEvent[]) => Promise<AuditEvent[]>
  /** Resolves when the other side has taken the batch. @throws TravessiaError FEED_… */
  readonly send: (
    feed: FeedRow,
    events: readonly AuditEvent[],
    signal: AbortSignal,
  ) => Promise<void>
  readonly place: () => FeedPlace
  readonly keep: (place: FeedPlace) => void
  /** A fact, once for each time that it fails. */
  readonly reportFailing: (feed: FeedRow, errorCode: string, position: number) => Promise<void>
  readonly now: () => number
  /** The first pause after a failure; it doubles up to 2^8 times this. */
  readonly retryMs: number
}

export class FeedRunner {
  readonly #deps: FeedDeps
  readonly #feed: FeedRow
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined
  #wake: (() => void) | undefined
  /** Tried again as it was, so that who got it already can tell. */
  #refused: AuditEvent[] | undefined
  #failures = 0

  constructor(deps: FeedDeps, feed: FeedRow) {
    this.#deps = deps
    this.#feed = feed
  }

  start(): void {
    this.#running ??= this.#run().catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) throw error
    })
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake?.()
    await this.#running
  }

  /** The log has grown. */
  wake(): void {
    this.#wake?.()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const woken = new Promise<void>((wake) => {
        this.#wake = wake
      })
      const isDone = await this.#sendNext().catch((error: unknown) => this.#failed(error))
      if (isDone === 'waiting') await woken
      const pauseMs = isDone === 'failed' ? this.#pauseMs() : isDone === 'waiting' ? gatherMs : 0
      await sleep(pauseMs, undefined, { signal })
    }
  }

  async #sendNext(): Promise<'sent' | 'waiting'> {
    const { send, keep, now } = this.#deps
    const events = this.#refused ?? (await this.#nextBatch())
    const last = events.at(-1)
    if (!last) return 'waiting'
    this.#refused = events
    await send(this.#feed, events, this.#stopping.signal)
    const deliveredAt = new Date(now()).toISOString()
    keep({ position: last.position, deliveredAt, failingSince: null, error: null })
    this.#refused = undefined
    this.#failures = 0
    return 'sent'
  }

  async #nextBatch(): Promise<AuditEvent[]> {
    const { read, shown, place } = this.#deps
    const events = await read(this.#feed.tenantId, place().position, batchEvents)
    return batchOf(await shown(events))
  }

  async #failed(error: unknown): Promise<'failed'> {
    this.#stopping.signal.throwIfAborted()
    this.#failures += 1
    const code =
      error instanceof TravessiaError && isErrorCode(error.code) ? error.code : 'INTERNAL'
    // While nothing can be written there is nothing to say it to: it is tried again all the same.
    await this.#note(code).catch(() => undefined)
    return 'failed'
  }

  async #note(code: string): Promise<void> {
    const { place, keep, now, reportFailing } = this.#deps
    const before = place()
    const failingSince = before.failingSince ?? new Date(now()).toISOString()
    keep({ ...before, failingSince, error: code })
    if (this.#failures === saidAfter) await reportFailing(this.#feed, code, before.position)
  }

  /** Between half and all of it, so that feeds that failed together do not come back together. */
  #pauseMs(): number {
    const longest = this.#deps.retryMs * 2 ** Math.min(this.#failures - 1, 8)
    return longest * (0.5 + Math.random() / 2)
  }
}

/** As many as fit; at least one. */
function batchOf(events: readonly AuditEvent[]): AuditEvent[] {
  let chars = 0
  const end = events.findIndex((event, index) => {
    chars += JSON.stringify(event).length
    return index > 0 && chars > batchChars
  })
  return end === -1 ? [...events] : events.slice(0, end)
}
