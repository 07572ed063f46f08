/** Refuses requests while the event loop is late, so that it comes to the end of what it has begun. */
import underPressure from '@fastify/under-pressure'
import { TravessiaError } from '@travessia/schemas/errors'
import type { FastifyInstance } from 'fastify'

export async function refuseWhileLate(app: FastifyInstance, maxLagMs: number): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: maxLagMs,
    // Infinite: nothing was measured, since what held up the measuring held up the look, too; the next one has it.
    pressureHandler: async (_request, _reply, _type, lagMs) => {
      if (lagMs !== Number.POSITIVE_INFINITY) throw new TravessiaError('NODE_BUSY')
    },
  })
}
