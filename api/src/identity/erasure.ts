/**
 * Erasing a person (LGPD): the fact first, then everything that it promises, each step of which may be done again.
 * Killed at any line after the fact: the next start does the rest. So it does when an older `secrets.db` comes back from a
 * backup: the log still says who was erased.
 */
import type { EventContext } from '@travessia/schemas/events'
import { unlessDamaged } from '../audit/damaged-log.ts'
import type { Services } from '../services.ts'
import type { Erased } from '../views/erasures.ts'
import { recordAccess } from './accounts.ts'

type Deps = Pick<
  Services,
  'store' | 'views' | 'logins' | 'users' | 'subjectKeys' | 'sessions' | 'blobs' | 'now' | 'log'
>

/** Resolves when nothing of the person can be read any more. @throws TravessiaError LAST_ADMIN */
export async function eraseSubject(
  services: Deps,
  order: Erased & { readonly isLastAdmin: boolean; readonly context: EventContext },
): Promise<void> {
  const { tenantId, userId, isLastAdmin, context } = order
  const intent = { type: 'EraseSubject', userId, isLastAdmin } as const
  await recordAccess(services, { tenantId, userId, intent, context })
  await finish(services, order)
}

/** After a start, before anybody is let in. */
export async function finishErasures(services: Deps): Promise<void> {
  for (const erased of await services.views.erasures.all())
    if (!services.subjectKeys.isFinished(erased.tenantId, erased.userId))
      await finish(services, erased)
}

async function finish(services: Deps, { tenantId, userId }: Erased): Promise<void> {
  const { logins, users, subjectKeys, sessions, blobs, now, log } = services
  logins.endAllOf(userId)
  users.erase(userId)
  subjectKeys.erase(tenantId, userId, now())
  await unlessDamaged(log, { tenantId, userId }, () =>
    sessions.revokeWhere((session) => session.userId === userId, 'access-changed'),
  )
  const removed = await blobs.erase(tenantId, userId)
  subjectKeys.finish(tenantId, userId)
  log.info({ tenantId, userId, blobs: removed }, 'person erased')
}
