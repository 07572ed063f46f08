/**
 * Removes what a customer's retention says has expired: first a fact names it, then its texts leave the log and their leaves stay.
 * Killed in between: the next run, at the latest after the next start, carries out what the last facts say.
 */
import { hash } from 'node:crypto'
import { TravessiaError } from '@travessia/schemas/errors'
import type { EventContext, RecordedEvent, RetentionFact } from '@travessia/schemas/events'
import { idFromBytes } from '@travessia/schemas/ids'
import type { Applied } from '@travessia/schemas/retention'
import type { Logger } from 'pino'
import { handle } from '../domain/decider.ts'
import {
  retention as decider,
  expiresBefore,
  type Hold,
  type RetentionIntent,
  type RetentionState,
} from '../domain/retention.ts'
import { eventContext } from '../event-context.ts'
import { createRounds } from '../rounds.ts'
import type { EventStore } from '../store/event-store.ts'
import type { Views } from '../views/views.ts'
import { entryPages } from './entry-pages.ts'
import { type ExpirySpan, RetentionPlan } from './retention-plan.ts'
import { search } from './search.ts'

const everyMs = 24 * 3_600_000
const pageEvents = 500
/** Of one fact, and of one commit. */
const spansOfFact = 200
const positionsAtOnce = 500
const rememberedFacts = 50

type Deps = {
  readonly store: EventStore
  readonly views: Pick<Views, 'retentions' | 'until'>
  readonly nodeId: string
  readonly now: () => number
  readonly log: Logger
}
export type Due = {
  readonly until: string
  readonly days: number
  readonly revision: number
  readonly plan: RetentionPlan
}

export class Retention {
  readonly #deps: Deps
  readonly #running = new Set<string>()
  readonly #expiring = new Set<string>()
  readonly #bundles = new Map<AbortController, string>()
  readonly #rounds = createRounds(
    everyMs,
    () => this.#applyAll(),
    (error) => this.#deps.log.error({ err: error }, 'retention not applied, trying again tomorrow'),
  )

  constructor(deps: Deps) {
    this.#deps = deps
  }

  start(): void {
    void this.#rounds.start()
  }

  async stop(): Promise<void> {
    await this.#rounds.stop()
  }

  async stateOf(tenantId: string): Promise<RetentionState> {
    const events = await this.#deps.store.readStream(tenantId, streamOf(tenantId).streamId)
    return (events as unknown as RetentionFact[]).reduce(decider.evolve, decider.initialState)
  }

  async holdOf(tenantId: string, id: string): Promise<Hold | undefined> {
    return (await this.stateOf(tenantId)).holds.find(({ holdId }) => holdId === id)
  }

  /** Whether a hold keeps something that this person did; also where a second was too short to find out. */
  async keepsOf(tenantId: string, userId: string): Promise<boolean> {
    const { holds } = await this.stateOf(tenantId)
    for (const { scope, id } of holds) {
      if (scope === 'all' || id === userId) return true
      if (scope === 'user') continue
      const filter = { tenantId, actorId: userId, limit: 1, [`${scope}Id`]: id }
      const { items, nextCursor } = await search(this.#deps.store, filter)
      if (items.length > 0 || nextCursor !== undefined) return true
    }
    return false
  }

  /** @returns when the views show it */
  async change(tenantId: string, intent: RetentionIntent, context: EventContext): Promise<void> {
    const { store, views } = this.#deps
    const { position } = await handle(store, decider, streamOf(tenantId), intent, context)
    await views.until(position)
  }

  /** What would go now; nothing is done. Undefined: everything is kept. @throws TravessiaError NODE_BUSY: somebody asks already */
  async due(tenantId: string): Promise<Due | undefined> {
    return this.#alone(tenantId, () => this.#plan(tenantId))
  }

  /** @returns how many events have gone, and how many stay behind one of a later time. @throws TravessiaError NODE_BUSY, CONFLICT: a hold came meanwhile */
  async apply(tenantId: string, context: EventContext): Promise<Applied> {
    return this.#alone(tenantId, async () => {
      await this.#resume(tenantId)
      const due = await this.#plan(tenantId)
      if (!due) return { events: 0, behind: 0 }
      const { until, days, revision, plan } = due
      for (let from = 0; from < plan.spans.length; from += spansOfFact) {
        const spans = plan.spans.slice(from, from + spansOfFact)
        const events = spans.reduce((sum, [first, last]) => sum + last - first + 1, 0)
        const intent = { type: 'Apply', until, days, revision, events, spans } as const
        const stream = streamOf(tenantId)
        const { position } = await handle(this.#deps.store, decider, stream, intent, context)
        await this.#carryOut(tenantId, position ?? 0, spans)
      }
      await this.#dropEmptied(until)
      return { events: plan.events, behind: plan.behind }
    })
  }

  /**
   * A bundle is of one state of the log: what is being written when events go breaks off, since it would be refused.
   * @returns its signal, and what says that it is over. @throws TravessiaError NODE_BUSY: events are going now
   */
  beginBundle(tenantId: string): { signal: AbortSignal; end: () => void } {
    if (this.#expiring.has(tenantId)) throw new TravessiaError('NODE_BUSY')
    const bundle = new AbortController()
    this.#bundles.set(bundle, tenantId)
    const end = () => {
      this.#bundles.delete(bundle)
      bundle.abort()
    }
    return { signal: bundle.signal, end }
  }

  /** Each customer by itself: one whose log is damaged, or who looks at what would go, holds up no other. */
  async #applyAll(): Promise<void> {
    const { views, nodeId, now, log } = this.#deps
    for (const tenantId of await views.retentions.tenants()) {
      const context = eventContext({ type: 'system', id: nodeId }, now())
      const failed = (error: unknown) =>
        void log.error({ err: error, tenantId }, 'retention not applied, trying again tomorrow')
      const { events = 0, behind = 0 } = (await this.apply(tenantId, context).catch(failed)) ?? {}
      if (events > 0) log.info({ tenantId, events }, 'events have expired')
      if (behind > 0) log.warn({ tenantId, behind }, 'events stay behind one of a later time')
    }
  }

  async #alone<T>(tenantId: string, act: () => Promise<T>): Promise<T> {
    if (this.#running.has(tenantId)) throw new TravessiaError('NODE_BUSY')
    this.#running.add(tenantId)
    try {
      return await act()
    } finally {
      this.#expiring.delete(tenantId)
      this.#running.delete(tenantId)
    }
  }

  async #plan(tenantId: string): Promise<Due | undefined> {
    const { days, holds, revision } = await this.stateOf(tenantId)
    if (days === null) return undefined
    const until = expiresBefore(this.#deps.now(), days)
    const plan = new RetentionPlan(until, holds)
    await this.#each(tenantId, (event) => plan.see(event))
    await this.#each(tenantId, (event) => plan.take(event), until)
    return { until, days, revision, plan }
  }

  async #each(tenantId: string, see: (event: RecordedEvent) => void, to?: string): Promise<void> {
    const { evidence } = this.#deps.store
    const filter = to === undefined ? { tenantId } : { tenantId, to }
    for await (const page of entryPages(evidence, filter, pageEvents))
      for (const { text, position, logIndex } of page)
        see({ ...(JSON.parse(text) as RecordedEvent), position, logIndex })
  }

  async #carryOut(
    tenantId: string,
    appliedPosition: number,
    spans: readonly ExpirySpan[],
  ): Promise<void> {
    const { evidence } = this.#deps.store
    this.#expiring.add(tenantId)
    for (const [bundle, of] of this.#bundles)
      if (of === tenantId) bundle.abort(new TravessiaError('NODE_BUSY'))
    for (const [, , from, to] of spans)
      for (let first = from; first <= to; first += positionsAtOnce) {
        const last = Math.min(to, first + positionsAtOnce - 1)
        await evidence.expire({ tenantId, appliedPosition, first, last })
      }
  }

  /** Space only: what could not be had now is had the next day. */
  async #dropEmptied(until: string): Promise<void> {
    const { store, log } = this.#deps
    await store.evidence
      .dropEmptied(until)
      .catch((error: unknown) => log.warn({ err: error }, 'months without events stay for now'))
  }

  /** From the newest fact backwards, until one is carried out whole: they are carried out in their order. */
  async #resume(tenantId: string): Promise<void> {
    const { store } = this.#deps
    const types = ['RetentionApplied'] as const
    const { items } = await store.query({ tenantId, types, limit: rememberedFacts })
    const open: Array<RecordedEvent<'RetentionApplied'>> = []
    for (const fact of items as Array<RecordedEvent<'RetentionApplied'>>) {
      if (!(await this.#isOpen(fact))) break
      open.push(fact)
    }
    for (const { position, data } of open.reverse())
      await this.#carryOut(tenantId, position, data.spans as ExpirySpan[])
  }

  async #isOpen({ tenantId, data }: RecordedEvent<'RetentionApplied'>): Promise<boolean> {
    const { evidence } = this.#deps.store
    for (const [, , from, to] of data.spans as ExpirySpan[]) {
      const page = { after: from - 1, limit: 1 }
      const [entry] = (await evidence.readEntries({ tenantId }, page)).items
      if (entry && entry.position <= to) return true
    }
    return false
  }
}

/** A stream of its own: other things have the customer's id. */
function streamOf(tenantId: string) {
  const digest = hash('sha256', `retention ${tenantId}`, 'buffer')
  const streamId = idFromBytes(digest.subarray(0, 16))
  return { tenantId, streamKind: 'retention', streamId } as const
}
