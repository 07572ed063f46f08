/** Auditors are audited: who reads what of the log is a fact of it, once in five minutes for each reader and question. */
import { canonicalJson } from '@travessia/schemas/canonical-json'
import type { EventContext, Fact } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { putNewest } from '@travessia/schemas/newest'
import type { Logger } from 'pino'
import type { EventStore } from '../store/event-store.ts'
import { recordUnlessDamaged } from './damaged-log.ts'

const factMs = 5 * 60_000
const maxRemembered = 10_000

type Deps = {
  readonly store: Pick<EventStore, 'append'>
  readonly now: () => number
  readonly log: Pick<Logger, 'warn'>
}

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
    await recordUnlessDamaged(this.#deps, {
      ...{ tenantId, streamKind: 'audit', streamId: newId(), expected: 'none' },
      events: [{ ...context, type: 'AuditQueried', data }],
    })
    putNewest(this.#recorded, [key, at], maxRemembered)
  }
}
