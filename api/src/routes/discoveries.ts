/** A look into the network of an installation: suggestions for who registers devices, nothing is registered by it. */
import { discoverySchema, type Found } from '@travessia/schemas/api/devices'
import { idParams } from '@travessia/schemas/api/fields'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import type { FastifyRequest } from 'fastify'
import { agent as decider } from '../domain/agent.ts'
import { namedOf } from '../plugins/authorization.ts'
import type { Services } from '../services.ts'
import { type App, answers, contextOf, record } from './route.ts'

export function addDiscoveryRoutes(app: App, services: Services): void {
  app.post(
    '/api/installations/:id/discoveries',
    {
      config: { permission: 'manage', scope: 'installation' },
      schema: { params: idParams, response: answers({ 200: discoverySchema }) },
    },
    async (request) => ({ items: await discover(services, request) }),
  )
}

/** @throws TravessiaError AGENT_MISSING, AGENT_OFFLINE, RATE_LIMITED: nothing was sent; or what the agent says */
async function discover(services: Services, request: FastifyRequest): Promise<Found[]> {
  const { discoveries, presence, views, now } = services
  const { tenantId, id: installationId } = namedOf(request, 'installation')
  const agent = views.agents.current(tenantId, installationId)
  if (!agent) throw new TravessiaError('AGENT_MISSING')
  const { agentId } = agent
  if (!presence.of(agentId).isOnline) throw new TravessiaError('AGENT_OFFLINE')
  const discoveryId = newId()
  await record(services, decider, {
    stream: { tenantId, streamKind: 'agent', streamId: agentId },
    intent: { type: 'RequestDiscovery', discoveryId, now: now() },
    context: contextOf(services, request, { installationId, agentId }),
  })
  const asked = { discoveryId, correlationId: request.id }
  const suggestions = await discoveries.search({ tenantId, agentId }, asked)
  const known = await views.devices.list(tenantId, installationId)
  return suggestions.map((one) => ({
    ...one,
    deviceId: known.find(({ baseUrl }) => baseUrl === one.baseUrl)?.id ?? null,
  }))
}
