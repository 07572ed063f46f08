/**
 * Captured bodies, given out as bytes that no browser runs: what a device sent is nobody's page here. Only what an event of
 * that session (or request of the API proxy) names.
 */
import { bodyParams } from '@travessia/schemas/captured'
import { TravessiaError } from '@travessia/schemas/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { requirePrincipal } from '../plugins/authentication.ts'
import { maySee } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import type { App } from './route.ts'

const config = { permission: 'audit' } as const

export function addBodyRoutes(app: App, services: Services): void {
  app.get(
    '/api/audit/sessions/:id/bodies/:ref',
    { config: { ...config, scope: 'session' }, schema: { params: bodyParams } },
    async (request, reply) => sendBody(services, request, { reply, ...request.params }),
  )
  app.get(
    '/api/audit/requests/:id/bodies/:ref',
    { config, schema: { params: bodyParams } },
    async (request, reply) => sendBody(services, request, { reply, ...request.params }),
  )
}

/** @throws TravessiaError NOT_FOUND, SUBJECT_ERASED, INTERNAL (it was altered) */
async function sendBody(
  { views, blobs }: Services,
  request: FastifyRequest,
  { reply, id, ref }: { reply: FastifyReply } & Static<typeof bodyParams>,
): Promise<FastifyReply> {
  const principal = requirePrincipal(request)
  const { tenantId } = principal
  const named = await views.blobs.namedBy(tenantId, id, ref)
  if (!named || !maySee(principal, named.installationId ?? undefined))
    throw new TravessiaError('NOT_FOUND')
  const bytes = await blobs.get(tenantId, ref)
  if (bytes === 'erased') throw new TravessiaError('SUBJECT_ERASED')
  if (!bytes) throw new TravessiaError('NOT_FOUND')
  return reply
    .type('application/octet-stream')
    .header('content-disposition', 'attachment')
    .header('x-content-type-options', 'nosniff')
    .header('content-security-policy', "sandbox; default-src 'none'")
    .header('cache-control', 'private, no-store')
    .send(bytes)
}
