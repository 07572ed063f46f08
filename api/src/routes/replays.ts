/** Looking at a session again is a fact, written before anything is shown: auditors are audited. */
import { idParams, replaySchema } from '@travessia/schemas/api'
import { newId } from '@travessia/schemas/ids'
import { namedOf } from '../plugins/authorization.ts'
import type { Services } from '../services.ts'
import { type App, answers, contextOf } from './route.ts'

export function addReplayRoutes(app: App, services: Services): void {
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
