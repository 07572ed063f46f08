/** What every body must be: JSON, or bytes where a route takes them; as it is; and here within a while. */
import { TravessiaError } from '@travessia/schemas/errors'
import { maxFileBytes } from '@travessia/schemas/print-file-rules'
import type { FastifyInstance } from 'fastify'

export function limitBodies(app: FastifyInstance, withinMs: number): void {
  app.removeContentTypeParser('text/plain')
  app.addHook('onRequest', async ({ headers }) => {
    // Nothing is decompressed here.
    if ((headers['content-encoding'] ?? 'identity') !== 'identity')
      throw new TravessiaError('MEDIA_TYPE_UNSUPPORTED')
  })
  app.addHook('preParsing', async ({ raw, routeOptions }) => {
    // A file takes as long as it takes; whoever falls silent in one is found where it is kept.
    if (routeOptions.bodyLimit === maxFileBytes) return
    const timer = setTimeout(() => {
      if (!raw.complete) raw.destroy()
    }, withinMs)
    raw.once('close', () => clearTimeout(timer))
  })
}
