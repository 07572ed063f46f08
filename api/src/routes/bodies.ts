/**
 * Captured bodies, given out as bytes that no browser runs: what a device sent is nobody's page here. Only what an event of
 * that session (or request of the API proxy) names. That somebody reads them is recorded before they go out.
 */
import { bodyParams } from '@travessia/schemas/captured'
import { TravessiaError } from '@travessia/schemas/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { Readings } from '../audit/readings.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { maySee } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import { type App, contextOf } from './route.ts'

const config = { permission: 'audit' } as const

export function addBodyRoutes(app: App, services: Services, readings: Readings): void {
  app.get(
    '/api/audit/sessions/:id/bodies/:ref',
    { config: { ...config, scope: 'session' }, schema: { params: bodyParams } },
    async (request, reply) => {
      const { id: sessionId, ref } = request.params
      const filter = { sessionId }
      return sendBody(services, request, { reply, readings, id: sessionId, ref, filter })
    },
  )
  app.get(
    '/api/audit/requests/:id/bodies/:ref',
    { config, schema: { params: bodyParams } },
    async (request, reply) => {
      const { id: requestId, ref } = request.params
      const filter = { requestId }
      return sendBody(services, request, { reply, readings, id: requestId, ref, filter })
    },
  )
}

type Wanted = Static<typeof bodyParams> & {
  readonly reply: FastifyReply
  readonly readings: Readings
  /** As the fact says whose body it is. */
  readonly filter: Readonly<Record<string, string>>
}

/** @throws TravessiaError NOT_FOUND, SUBJECT_ERASED, STORE_UNAVAILABLE, INTERNAL (it was altered) */
async function sendBody(
  services: Services,
  request: FastifyRequest,
  { reply, readings, id, ref, filter }: Wanted,
): Promise<FastifyReply> {
  const { views, blobs } = services
  const principal = requirePrincipal(request)
  const { tenantId } = principal
  const named = await views.blobs.namedBy(tenantId, id, ref)
  if (!named || !maySee(principal, named.installationId ?? undefined))
    throw new TravessiaError('NOT_FOUND')
  const bytes = await blobs.get(tenantId, ref)
  if (bytes === 'erased') throw new TravessiaError('SUBJECT_ERASED')
  if (!bytes) throw new TravessiaError('NOT_FOUND')
  await readings.record(tenantId, contextOf(services, request), { list: 'body', filter })
  return reply
    .type('application/octet-stream')
    .header('content-disposition', 'attachment')
    .header('x-content-type-options', 'nosniff')
    .header('content-security-policy', "sandbox; default-src 'none'")
    .header('cache-control', 'private, no-store')
    .send(bytes)
}
