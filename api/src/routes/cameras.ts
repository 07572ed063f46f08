/**
 * What a camera shows, to whoever may use the device: one picture, or one after the other until somebody stops. The
 * bytes of pictures and nothing else, so that no device puts a page or a script on our own origin.
 */
import { cameraQuery } from '@travessia/schemas/api/devices'
import { idParams } from '@travessia/schemas/api/fields'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { requirePrincipal } from '../plugins/authentication.ts'
import { mayStill, namedOf } from '../plugins/authorization.ts'
import type { Services } from '../services.ts'
import { type App, answers } from './route.ts'

const config = { permission: 'operate', scope: 'device' } as const
const pictures = answers({ 200: Type.Any({ description: 'image/* bytes' }) })

export function addCameraRoutes(app: App, services: Services): void {
  const { cameras } = services
  app.get(
    '/api/devices/:id/camera/snapshot',
    { config, schema: { params: idParams, response: pictures } },
    async (request, reply) => {
      const { type, bytes, at } = await cameras.snapshot(onlookerOf(request))
      return reply
        .type(type)
        .headers({ 'cache-control': 'no-store', 'x-travessia-at': String(at) })
        .send(bytes)
    },
  )
  app.get(
    '/api/devices/:id/camera/stream',
    {
      config,
      // An answer to it would never end.
      exposeHeadRoute: false,
      schema: { params: idParams, querystring: cameraQuery, response: pictures },
    },
    async (request, reply) => {
      const { mode = 'stream' } = request.query
      const isWelcome = () => mayStillWatch(services, request)
      const view = { ...onlookerOf(request), mode, isWelcome, gone: goneOf(reply) }
      await cameras.watch(view, () => reply.hijack().raw)
      return reply
    },
  )
}

function onlookerOf(request: FastifyRequest) {
  const { userId } = requirePrincipal(request)
  return { device: namedOf(request, 'device'), userId, correlationId: request.id }
}

async function mayStillWatch(services: Services, request: FastifyRequest): Promise<boolean> {
  const { tenantId, id } = namedOf(request, 'device')
  const device = services.views.devices.get(tenantId, id)
  return device?.driver === 'camera' && mayStill(services, request)
}

function goneOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return gone.signal
}
