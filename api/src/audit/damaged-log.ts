/**
 * Into a log that is not what was signed nothing is written, and yet somebody has to look at it: signing in, reading and exporting go on,
 * and so does the node for its other customers.
 */
import { TravessiaError } from '@travessia/schemas/errors'
import { withoutPersonal } from '@travessia/schemas/personal'
import type { Logger } from 'pino'
import type { Append, EventStore } from '../store/event-store.ts'

type Deps = {
  readonly store: Pick<EventStore, 'append'>
  readonly log: Pick<Logger, 'warn'>
}

const unrecorded = 'not recorded: the log is damaged'

/**
 * Durable when it resolves, or said in the node's own log where the tenant's is damaged. Only for what changes nothing.
 * @throws TravessiaError STORE_UNAVAILABLE for another reason
 */
export async function recordUnlessDamaged({ store, log }: Deps, append: Append): Promise<void> {
  await store.append(append).catch((error: unknown) => {
    requireDamage(error)
    const { tenantId } = append
    for (const event of append.events) {
      const said = { userId: event.actor.id, type: event.type, data: withoutPersonal(event) }
      log.warn({ tenantId, ...said }, unrecorded)
    }
  })
}

/** For what must not keep others waiting: a start, or what has been done already. @throws whatever is not the damage of that log */
export async function unlessDamaged(
  log: Deps['log'],
  about: { readonly tenantId: string } & Readonly<Record<string, string>>,
  act: () => Promise<unknown>,
): Promise<void> {
  await act().catch((error: unknown) => {
    requireDamage(error)
    log.warn(about, unrecorded)
  })
}

function requireDamage(error: unknown): void {
  if (!(error instanceof TravessiaError) || error.details['problem'] !== 'damaged') throw error
}
