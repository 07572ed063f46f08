/** Who went through a device lately, gave up or was denied: read from the log, newest first. */
import { idParams } from '@travessia/schemas/api/fields'
import { type PassageItem, passageItemList, passagesQuery } from '@travessia/schemas/api/passages'
import { type PassageFact, type RecordedEvent, typesOfKind } from '@travessia/schemas/events'
import { search } from '../audit/search.ts'
import { namedOf } from '../plugins/authorization.ts'
import type { Services } from '../services.ts'
import { type App, answers } from './route.ts'

const usualLimit = 20
const types = typesOfKind('passage')
const outcomes = {
  PassageConfirmed: 'passed',
  PassageGivenUp: 'gave-up',
  PassageDenied: 'denied',
  PassagesMissed: 'missed',
} as const satisfies Record<PassageFact['type'], PassageItem['outcome']>

export function addPassageRoutes(app: App, { store }: Services): void {
  app.get(
    '/api/devices/:id/passages',
    {
      config: { permission: 'read', scope: 'device' },
      schema: {
        params: idParams,
        querystring: passagesQuery,
        response: answers({ 200: passageItemList }),
      },
    },
    async (request) => {
      const { tenantId, id: deviceId } = namedOf(request, 'device')
      const { limit = usualLimit, cursor } = request.query
      const page = await search(store, {
        ...{ tenantId, deviceId, types, limit },
        ...(cursor === undefined ? {} : { cursor }),
      })
      return { ...page, items: page.items.map(toPassage) }
    },
  )
}

function toPassage(event: RecordedEvent): PassageItem {
  const { type, data } = event as RecordedEvent<PassageFact['type']>
  const { streamId: id, commandId } = event
  return {
    ...{ id, outcome: outcomes[type], at: data.agentTime },
    ...('direction' in data ? { direction: data.direction } : {}),
    ...('way' in data ? { way: data.way } : {}),
    ...('deviceUserId' in data ? { deviceUserId: data.deviceUserId } : {}),
    ...(commandId === undefined ? {} : { commandId }),
  }
}
