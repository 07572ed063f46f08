/** What a device is now, and was lately. */
import { historyQuery, historySchema, knownStateSchema } from '@travessia/schemas/api/devices'
import { idParams } from '@travessia/schemas/api/fields'
import { namedOf } from '../plugins/authorization.ts'
import type { Services } from '../services.ts'
import { type App, answers } from './route.ts'

const config = { permission: 'read', scope: 'device' } as const
const dayMs = 24 * 3_600_000

export function addDeviceStateRoutes(app: App, { deviceStates, history, now }: Services): void {
  app.get(
    '/api/devices/:id/state',
    { config, schema: { params: idParams, response: answers({ 200: knownStateSchema }) } },
    async (request) => {
      const known = deviceStates.of(namedOf(request, 'device').id)
      return known
        ? { state: known.state, at: new Date(known.at).toISOString() }
        : { state: null, at: null }
    },
  )
  app.get(
    '/api/devices/:id/history',
    {
      config,
      schema: {
        params: idParams,
        querystring: historyQuery,
        response: answers({ 200: historySchema }),
      },
    },
    async (request) => {
      const { from, to } = request.query
      const until = to === undefined ? now() : Date.parse(to)
      const since = from === undefined ? until - dayMs : Date.parse(from)
      return { series: history.read(namedOf(request, 'device').id, since, until) }
    },
  )
}
