/** Roles that change, and what must end with them. */
import { mayOperate } from '../plugins/principal.ts'
import type { Services } from '../services.ts'

/** Who may not act any more, or not there, loses the open sessions too. */
export function watchAccess({ views, sessions, log }: Services): void {
  views.onEvents((events) => {
    for (const { type, tenantId, data } of events) {
      if (type !== 'RoleGranted' && type !== 'RoleRevoked' && type !== 'AccessSuspended') continue
      const { userId } = data
      views.members
        .get(userId, tenantId)
        .then((member) =>
          sessions.revokeWhere(
            (session) =>
              session.userId === userId && !(member && mayOperate(member, session.installationId)),
            'access-changed',
          ),
        )
        .catch((error: unknown) => log.error({ err: error, userId }, 'sessions not revoked'))
    }
  })
}
