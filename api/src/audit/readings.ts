/** Auditors are audited: who reads what of the log is a fact of it, once in five minutes for each reader and question. */
import { canonicalJson } from '@travessia/schemas/canonical-json'
import { TravessiaError } from '@travessia/schemas/errors'
import type { EventContext, Fact } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import type { Logger } from 'pino'
import type { Append, EventStore } from '../store/event-store.ts'

const factMs = 5 * 60_000
const maxRemembered = 10_000

type Deps = {
  readonly store: Pick<EventStore, 'append'>
  readonly now: () => number
  readonly log: Pick<Logger, 'warn'>
}
type Reading = Fact<'AuditQueried' | 'SessionReplayed'>

export class Readings {
  readonly #deps: Deps
  /** When each question was recorded, oldest first. Lost at a restart: then it is said once more. */
  readonly #recorded = new Map<string, number>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /**
   * Durable when it resolves; only then the answer may go out.
   * @throws TravessiaError STORE_UNAVAILABLE
   */
  async record(
    tenantId: string,
    context: EventContext,
    data: Fact<'AuditQueried'>['data'],
  ): Promise<void> {
    const key = canonicalJson([tenantId, context.actor.id, data])
    const at = this.#deps.now()
    if ((this.#recorded.get(key) ?? 0) > at - factMs) return
    const stream = { tenantId, streamId: newId() }
    await recordReading(this.#deps, stream, { ...context, type: 'AuditQueried', data })
    this.#recorded.delete(key)
    this.#recorded.set(key, at)
    const [oldest] = this.#recorded.keys()
    if (this.#recorded.size > maxRemembered && oldest) this.#recorded.delete(oldest)
  }
}

/**
 * Into a log that is not what was signed nothing is written, and yet somebody has to look at it: that is said in the node's own log.
 * @throws TravessiaError STORE_UNAVAILABLE
 */
export async function recordReading(
  { store, log }: Pick<Deps, 'store' | 'log'>,
  stream: Pick<Append, 'tenantId' | 'streamId'>,
  reading: Reading & EventContext,
): Promise<void> {
  const place = { ...stream, streamKind: 'audit', expected: 'none' } as const
  await store.append({ ...place, events: [reading] }).catch((error: unknown) => {
    if (!(error instanceof TravessiaError) || error.details['problem'] !== 'damaged') throw error
    const { type, actor, data } = reading
    log.warn({ tenantId: stream.tenantId, userId: actor.id, type, data }, 'a damaged log is read')
  })
}
