/**
 * The feeds of all customers: one runner each while it is enabled. A start goes on where each had come; what was on its way when
 * the node was killed is sent once more (at least once, in order).
 */
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { AuditEvent } from '@travessia/schemas/api'
import { canonicalJson } from '@travessia/schemas/canonical-json'
import { TravessiaError } from '@travessia/schemas/errors'
import { type FeedKind, fileUrl } from '@travessia/schemas/feeds'
import { exportLine } from '../audit/export.ts'
import { readEvents } from '../audit/reading.ts'
import { handle } from '../domain/decider.ts'
import { feed as decider } from '../domain/feed.ts'
import { eventContext } from '../event-context.ts'
import { createTurns } from '../in-turn.ts'
import { createRounds } from '../rounds.ts'
import type { Services } from '../services.ts'
import type { FeedRow } from '../views/feeds.ts'
import { connectFeed, feedAddress } from './feed-address.ts'
import { appendBatch, pruneFiles } from './feed-files.ts'
import { type FeedPlace, FeedPlaces } from './feed-places.ts'
import { FeedRunner } from './feed-runner.ts'
import { sendFrames } from './syslog.ts'
import { postBatch } from './webhook.ts'

const pollMs = 5_000
const pruneMs = 3_600_000
export const feedLimits = { sendMs: 15_000, retryMs: 1_000 } as const

export type FeedsDeps = Pick<
  Services,
  'store' | 'views' | 'users' | 'vault' | 'nodeId' | 'isDemo' | 'now' | 'log'
> & {
  /** Where its place is kept: that of the secrets. */
  readonly database: DatabaseSync
  /** Where feeds into files are. */
  readonly filesDir: string
  /** For one batch, from the dial to the answer. */
  readonly sendMs: number
  readonly retryMs: number
}

type Named = Pick<FeedRow, 'tenantId' | 'id'>
/** Sealed: where it goes, and what a webhook is signed with. */
type Sealed = { readonly url: string; readonly secret: string | null }

export class Feeds {
  /** By customer: two runners of one feed would send all twice, and a limit is counted once at a time. */
  readonly inTurn = createTurns()
  readonly #deps: FeedsDeps
  readonly #places: FeedPlaces
  readonly #runners = new Map<string, FeedRunner>()
  #unsubscribe: (() => void) | undefined
  #poll: NodeJS.Timeout | undefined
  readonly #prunes = createRounds(
    pruneMs,
    () => pruneFiles(this.#deps.filesDir, this.#deps.now()),
    (error) =>
      this.#deps.log.error(
        { err: error },
        'old files of feeds not removed, trying again in an hour',
      ),
  )

  constructor(deps: FeedsDeps) {
    this.#deps = deps
    this.#places = new FeedPlaces(deps.database)
  }

  async start(): Promise<void> {
    const { store, views } = this.#deps
    const wake = () => {
      for (const runner of this.#runners.values()) runner.wake()
    }
    this.#unsubscribe = store.onAppended(wake)
    this.#poll = setInterval(wake, pollMs)
    void this.#prunes.start()
    for (const feed of await views.feeds.enabled()) await this.#run(feed)
  }

  async stop(): Promise<void> {
    clearInterval(this.#poll)
    this.#unsubscribe?.()
    await Promise.all([this.#prunes, ...this.#runners.values()].map((one) => one.stop()))
    this.#runners.clear()
  }

  placeOf({ id, position }: FeedRow): FeedPlace {
    return this.#places.get(id, position - 1)
  }

  /** @throws TravessiaError FEED_ADDRESS */
  targetOf({ tenantId, id }: Named, url: string): { kind: FeedKind; host: string } {
    if (url === fileUrl) return { kind: 'file', host: `feeds/${tenantId}/${id}` }
    return feedAddress(url, this.#deps.isDemo)
  }

  seal({ tenantId, id }: Named, sealed: Sealed): void {
    this.#deps.vault.put(tenantId, sealedId(id), JSON.stringify(sealed))
  }

  /** @throws TravessiaError NOT_FOUND: it was removed meanwhile */
  sealedOf({ tenantId, id }: Named): Sealed {
    const text = this.#deps.vault.get(tenantId, sealedId(id))
    if (text === undefined) throw new TravessiaError('NOT_FOUND')
    return JSON.parse(text) as Sealed
  }

  forget({ tenantId, id }: Named): void {
    this.#deps.vault.remove(tenantId, sealedId(id))
    this.#places.remove(id)
  }

  /** As the view has it now: whoever changed it has waited for the view. */
  async refresh(tenantId: string, id: string): Promise<void> {
    const runner = this.#runners.get(id)
    this.#runners.delete(id)
    await runner?.stop()
    const feed = await this.#deps.views.feeds.get(tenantId, id)
    if (feed?.isEnabled) await this.#run(feed)
  }

  async #run(feed: FeedRow): Promise<void> {
    const { store, now, retryMs } = this.#deps
    // A log restored from a backup is shorter than what was sent of it.
    if (this.placeOf(feed).position > (await store.head())) this.#places.remove(feed.id)
    const runner = new FeedRunner(
      {
        read: (tenantId, after, limit) => store.readTenant(tenantId, after, limit),
        shown: (events) => readEvents(this.#deps, events, 'en'),
        send: (one, events, signal) => this.#send(one, events, signal),
        place: () => this.placeOf(feed),
        keep: (place) => this.#places.set(feed.id, place),
        reportFailing: (one, errorCode, position) => this.#failing(one, errorCode, position),
        ...{ now, retryMs },
      },
      feed,
    )
    this.#runners.set(feed.id, runner)
    runner.start()
  }

  async #send(feed: FeedRow, events: readonly AuditEvent[], stop: AbortSignal): Promise<void> {
    const { isDemo, filesDir, now, sendMs } = this.#deps
    const first = events[0]?.position ?? 0
    const lines = events.map((one) => exportLine('jsonl', one)).join('')
    if (feed.kind === 'file') {
      const directory = join(filesDir, feed.tenantId, feed.id)
      return appendBatch(directory, { lines, first, now: now() })
    }
    const { url, secret } = this.sealedOf(feed)
    const address = feedAddress(url, isDemo)
    const signal = AbortSignal.any([stop, AbortSignal.timeout(sendMs)])
    const socket = await connectFeed(address, { isDemo, signal })
    if (secret === null) {
      const frames = events.map((one) => ({ at: one.at, type: one.type, json: canonicalJson(one) }))
      return sendFrames(frames, { socket, signal })
    }
    const id = `${feed.id}-${first}-${events.at(-1)?.position}`
    return postBatch(address, { secret, id, body: lines, now: now() }, { socket, signal })
  }

  async #failing(feed: FeedRow, errorCode: string, position: number): Promise<void> {
    const { store, nodeId, now, log } = this.#deps
    const { tenantId, id: streamId } = feed
    log.warn({ tenantId, feedId: streamId, errorCode }, 'a feed of the audit fails')
    const context = eventContext({ type: 'system', id: nodeId }, now())
    const stream = { tenantId, streamKind: 'feed', streamId } as const
    await handle(store, decider, stream, { type: 'ReportFailing', errorCode, position }, context)
  }
}

function sealedId(feedId: string): string {
  return `feed:${feedId}`
}
