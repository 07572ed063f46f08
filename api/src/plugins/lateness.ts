/** Refuses requests while the event loop is late, so that it comes to the end of what it has begun; commands go on, since one may be a stop. */
import underPressure from '@fastify/under-pressure'
import { TravessiaError } from '@travessia/schemas/errors'
import type { FastifyInstance } from 'fastify'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Taken however late the event loop is. */
    evenLate?: true
  }
}

export async function refuseWhileLate(app: FastifyInstance, maxLagMs: number): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: maxLagMs,
    // Infinite: nothing was measured, since what held up the measuring held up the look, too; the next one has it.
    pressureHandler: async ({ routeOptions }, _reply, _type, lagMs) => {
      if (routeOptions.config.evenLate || lagMs === Number.POSITIVE_INFINITY) return
      throw new TravessiaError('NODE_BUSY')
    },
  })
}
