/** What every body must be: JSON, or bytes where a route takes them; as it is; and here within a while. */
import { TravessiaError } from '@travessia/schemas/errors'
import { maxFileBytes } from '@travessia/schemas/print-file-rules'
import type { FastifyInstance } from 'fastify'
import { hasBody } from '../gateway/upload-rest.ts'

export function limitBodies(app: FastifyInstance, withinMs: number): void {
  app.removeContentTypeParser('text/plain')
  // Before every other: also who is refused may go on sending.
  app.addHook('onRequest', async ({ headers, raw, routeOptions }) => {
    // A file takes as long as it takes; whoever falls silent in one is found where it is kept.
    if (hasBody(headers) && routeOptions.bodyLimit !== maxFileBytes) {
      const timer = setTimeout(() => {
        if (!raw.complete) raw.destroy()
      }, withinMs)
      raw.once('close', () => clearTimeout(timer))
    }
    // Nothing is decompressed here.
    const coding = headers['content-encoding']?.toLowerCase() || 'identity'
    if (coding !== 'identity') throw new TravessiaError('MEDIA_TYPE_UNSUPPORTED')
  })
}
