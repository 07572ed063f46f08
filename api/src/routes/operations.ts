/** Health, readiness, metrics, keys: what operators and other verifiers ask. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { FastifyRequest } from 'fastify'
import type {} from 'fastify-metrics'
import { Type } from 'typebox'
import { hashOf } from '../identity/secret.ts'
import type { Services } from '../services.ts'
import { type App, answers } from './route.ts'

const config = { permission: 'public' } as const
const ok = answers({ 200: Type.Object({ status: Type.Literal('ok') }) })

export function addOperationRoutes(app: App, services: Services): void {
  app.get('/healthz', { config, schema: { response: ok } }, async () => ({ status: 'ok' as const }))
  /** Ready = the log can be read and the views have caught up with it. */
  app.get('/readyz', { config, schema: { response: ok } }, async () => {
    await services.views.until(await services.store.head())
    return { status: 'ok' as const }
  })
  const streams = new app.metrics.client.Gauge({
    ...{ name: 'travessia_tunnel_streams', help: 'Exchanges with devices under way' },
  })
  app.get('/metrics', { config, schema: { hide: true } }, async (request, reply) => {
    if (!mayReadMetrics(request, services.metricsToken)) throw new TravessiaError('NOT_FOUND')
    streams.set(services.tunnel.streamCount)
    return reply.type('text/plain').send(await app.metrics.client.register.metrics())
  })
  app.get('/.well-known/jwks.json', { config, schema: { hide: true } }, async () =>
    services.tokens.jwks(),
  )
}

function mayReadMetrics({ ip, headers }: FastifyRequest, token: string | undefined): boolean {
  if (ip === '127.0.0.1' || ip === '::1') return true
  const given = hashOf(headers.authorization ?? '')
  return token !== undefined && given === hashOf(`Bearer ${token}`)
}
