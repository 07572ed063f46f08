/** What was where: the same facts, evolved only so far. */
import type { RecordedEvent } from '@travessia/schemas/events'
import { pastStateSchema, stateQuery } from '@travessia/schemas/past-state'
import type { Static } from 'typebox'
import type { Readings } from '../audit/readings.ts'
import { TimeMachine } from '../audit/time-machine.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { readerLanguage } from '../plugins/error-handler.ts'
import type { Services } from '../services.ts'
import { isoTime } from '../store/iso-time.ts'
import { type App, answers, contextOf } from './route.ts'

export function addPastStateRoute(app: App, services: Services, readings: Readings): void {
  const machine = new TimeMachine(services.store)
  app.get(
    '/api/audit/state',
    {
      config: { permission: 'audit' },
      schema: { querystring: stateQuery, response: answers({ 200: pastStateSchema }) },
    },
    async (request, reply) => {
      const { tenantId, installationIds } = requirePrincipal(request)
      const leaving = new AbortController()
      reply.raw.once('close', () => leaving.abort())
      const place = await placeOf(services, tenantId, request.query)
      const data = { list: 'state', filter: request.query } as const
      await readings.record(tenantId, contextOf(services, request), data)
      const nameOf = (userId: string) => services.users.nameOf(userId, readerLanguage(request))
      const reader = { tenantId, installationIds, nameOf, signal: leaving.signal }
      const state = await machine.stateAt({ ...reader, ...place })
      return { ...state, expiredUntil: await expiredUntil(services, tenantId) }
    },
  )
}

/** Of the customer's last event until then; position 0: there was none. */
async function placeOf(
  { store, now }: Pick<Services, 'store' | 'now'>,
  tenantId: string,
  { position, at }: Static<typeof stateQuery>,
): Promise<{ position: number; at: string }> {
  const until = at === undefined ? { cursor: String((position ?? 0) + 1) } : { to: at }
  const [last] = (await store.query({ tenantId, limit: 1, ...until })).items
  const then = at === undefined ? last?.at : isoTime(at)
  const thenMs = then === undefined ? now() : Date.parse(then)
  return { position: last?.position ?? 0, at: isoTime(Math.min(thenMs, now())) }
}

async function expiredUntil({ store }: Services, tenantId: string): Promise<string | null> {
  const types = ['RetentionApplied'] as const
  const { items } = await store.query({ tenantId, types, limit: 50 })
  const applied = items as Array<RecordedEvent<'RetentionApplied'>>
  const times = applied.map(({ data }) => data.until).sort()
  return times.at(-1) ?? null
}
