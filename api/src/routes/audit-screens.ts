/** What the audit's screens ask for beside the log: how it stands, whom it may be about, and that somebody replays a session. */
import { auditPeopleSchema, replaySchema } from '@travessia/schemas/api/audit'
import { idParams } from '@travessia/schemas/api/fields'
import { newId } from '@travessia/schemas/ids'
import { integritySchema } from '@travessia/schemas/integrity'
import { recordUnlessDamaged } from '../audit/damaged-log.ts'
import { IntegrityCheck } from '../audit/integrity.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { namedOf } from '../plugins/authorization.ts'
import { maySee, type Principal } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import { type App, answers, contextOf } from './route.ts'

export function addAuditScreenRoutes(app: App, services: Services): void {
  const check = new IntegrityCheck(services)
  app.get(
    '/api/audit/integrity',
    { config: { permission: 'audit' }, schema: { response: answers({ 200: integritySchema }) } },
    async (request) => check.of(requirePrincipal(request).tenantId),
  )
  app.get(
    '/api/audit/people',
    { config: { permission: 'audit' }, schema: { response: answers({ 200: auditPeopleSchema }) } },
    async (request) => ({ items: await peopleOf(services, requirePrincipal(request)) }),
  )
  app.post(
    '/api/audit/sessions/:id/replays',
    {
      config: { permission: 'audit', scope: 'session' },
      schema: { params: idParams, response: answers({ 201: replaySchema }) },
    },
    async (request, reply) => {
      const {
        id: sessionId,
        tenantId,
        installationId,
        deviceId,
        userId,
      } = namedOf(request, 'session')
      const places = { sessionId, installationId, deviceId }
      const replayId = newId()
      const context = contextOf(services, request, places)
      await recordUnlessDamaged(services, {
        ...{ tenantId, streamKind: 'audit', streamId: replayId, expected: 'none' },
        events: [{ ...context, type: 'SessionReplayed', data: { userId } }],
      })
      return reply.code(201).send({ id: replayId })
    },
  )
}

/** Who may do something where this reader looks, by name. */
async function peopleOf(
  { views, users }: Pick<Services, 'views' | 'users'>,
  principal: Principal,
): Promise<Array<{ id: string; name: string }>> {
  const members = await views.members.list(principal.tenantId)
  return members
    .filter(
      ({ installationIds }) =>
        !installationIds || installationIds.some((id) => maySee(principal, id)),
    )
    .map(({ userId }) => ({ id: userId, name: users.get(userId)?.name ?? '?' }))
    .toSorted((a, b) => a.name.localeCompare(b.name))
}
