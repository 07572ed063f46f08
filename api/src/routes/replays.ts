/** What the audit's screens ask for beside the log itself: that somebody replays a session is a fact, and how the log stands. */
import { idParams, replaySchema } from '@travessia/schemas/api'
import { newId } from '@travessia/schemas/ids'
import { integritySchema } from '@travessia/schemas/integrity'
import { IntegrityCheck } from '../audit/integrity.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { namedOf } from '../plugins/authorization.ts'
import type { Services } from '../services.ts'
import { type App, answers, contextOf } from './route.ts'

export function addReplayRoutes(app: App, services: Services): void {
  const check = new IntegrityCheck(services)
  app.get(
    '/api/audit/integrity',
    { config: { permission: 'audit' }, schema: { response: answers({ 200: integritySchema }) } },
    async (request) => check.of(requirePrincipal(request).tenantId),
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
      await services.store.append({
        ...{ tenantId, streamKind: 'audit', streamId: replayId, expected: 'none' },
        events: [
          {
            ...contextOf(services, request, places),
            ...{ type: 'SessionReplayed', data: { userId } },
          },
        ],
      })
      return reply.code(201).send({ id: replayId })
    },
  )
}
