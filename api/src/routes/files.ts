/** Files for printers: streamed to disk, then brought to the device by an `UploadFile` command. */
import type { Readable } from 'node:stream'
import { fileQuery, keptFileSchema } from '@travessia/schemas/api/commands'
import { idParams } from '@travessia/schemas/api/fields'
import { TravessiaError } from '@travessia/schemas/errors'
import { maxFileBytes } from '@travessia/schemas/print-file-rules'
import { requireSafety } from '../bus/command-bus.ts'
import { namedOf } from '../plugins/authorization.ts'
import type { Services } from '../services.ts'
import { type App, answers, contextOf } from './route.ts'

/** In a scope of its own: nowhere else is a body taken unread. */
export function addFileRoutes(app: App, services: Services): void {
  app.register((scope: App, _options, done) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('application/octet-stream', (_request, payload, done) =>
      done(null, payload),
    )
    // The rest of a refused file is dropped as it comes; of one without an end the connection is cut.
    scope.addHook('onError', async (_request, reply, error) => {
      if (error instanceof TravessiaError && error.code === 'FILE_TOO_LARGE')
        reply.header('connection', 'close')
    })
    scope.post(
      '/api/devices/:id/files',
      {
        config: { permission: 'operate', scope: 'device' },
        bodyLimit: maxFileBytes,
        schema: {
          consumes: ['application/octet-stream'],
          params: idParams,
          querystring: fileQuery,
          response: answers({ 201: keptFileSchema }),
        },
      },
      async (request, reply) => {
        const device = namedOf(request, 'device')
        // Refuses what this device does not do.
        requireSafety({ device, command: 'UploadFile', args: {} })
        const { tenantId, installationId, id: deviceId } = device
        const context = contextOf(services, request, { installationId, deviceId })
        const { name } = request.query
        const length = Number(request.headers['content-length'] ?? maxFileBytes)
        const upload = { tenantId, name, length, context }
        reply.code(201)
        return services.files.keep(upload, request.body as Readable | undefined)
      },
    )
    done()
  })
}
