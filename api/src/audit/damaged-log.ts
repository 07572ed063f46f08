/** Into a log that is not what was signed nothing is written, and yet somebody has to look at it: signing in, reading and exporting go on. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { Logger } from 'pino'
import type { Append, EventStore } from '../store/event-store.ts'

type Deps = {
  readonly store: Pick<EventStore, 'append'>
  readonly log: Pick<Logger, 'warn'>
}

/**
 * Durable when it resolves, or said in the node's own log where the tenant's is damaged. Only for what changes nothing.
 * @throws TravessiaError STORE_UNAVAILABLE for another reason
 */
export async function recordUnlessDamaged({ store, log }: Deps, append: Append): Promise<void> {
  await store.append(append).catch((error: unknown) => {
    if (!(error instanceof TravessiaError) || error.details['problem'] !== 'damaged') throw error
    const { tenantId } = append
    for (const { type, actor, data } of append.events)
      log.warn({ tenantId, userId: actor.id, type, data }, 'not recorded: the log is damaged')
  })
}
