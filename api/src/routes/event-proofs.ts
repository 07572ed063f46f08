/** One event that somebody cites, with what proves it. That it is read is a fact, as with every list of the log. */
import { auditEventParams, eventProofSchema } from '@travessia/schemas/api/audit'
import { proveEvent } from '../audit/event-proof.ts'
import type { Readings } from '../audit/readings.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { readerLanguage } from '../plugins/error-handler.ts'
import type { Services } from '../services.ts'
import { type App, answers, contextOf } from './route.ts'

export function addEventProofRoute(app: App, services: Services, readings: Readings): void {
  app.get(
    '/api/audit/events/:logIndex',
    {
      config: { permission: 'audit' },
      schema: { params: auditEventParams, response: answers({ 200: eventProofSchema }) },
    },
    async (request) => {
      const { tenantId, installationIds } = requirePrincipal(request)
      const logIndex = Number(request.params.logIndex)
      const sight = { tenantId, ...(installationIds && { installationIds }) }
      const language = readerLanguage(request)
      const found = await proveEvent(services, { sight, logIndex, language })
      const asked = { list: 'event', filter: { logIndex } } as const
      await readings.record(tenantId, contextOf(services, request), asked)
      return found
    },
  )
}
