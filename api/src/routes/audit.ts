import {
  auditEventList,
  auditKeysSchema,
  auditQuery,
  auditSessionQuery,
  auditSessionSchema,
  auditSessionsQuery,
} from '@travessia/schemas/api/audit'
import { idParams } from '@travessia/schemas/api/fields'
import { sessionList } from '@travessia/schemas/api/sessions'
import { TravessiaError } from '@travessia/schemas/errors'
import { type EventType, type Fact, typesOfKind } from '@travessia/schemas/events'
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import { noteKeyText } from '@travessia/schemas/evidence/note'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { readEvents } from '../audit/reading.ts'
import type { Readings } from '../audit/readings.ts'
import { search } from '../audit/search.ts'
import { maxSessionEvents, sessionPage } from '../audit/session-page.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { namedOf } from '../plugins/authorization.ts'
import { readerLanguage } from '../plugins/error-handler.ts'
import { maySee, type Principal } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import type { EventFilter } from '../store/event-store.ts'
import type { SessionRow } from '../views/sessions.ts'
import { addPastStateRoute } from './past-state.ts'
import { type App, answers, contextOf } from './route.ts'
import { toSession } from './sessions.ts'

const pageEvents = 50
const sessionCommands = 200
const config = { permission: 'audit' } as const

export function addAuditRoutes(app: App, services: Services, readings: Readings): void {
  addListRoutes(app, services, readings)
  app.get(
    '/api/audit/keys',
    { config, schema: { response: answers({ 200: auditKeysSchema }) } },
    async (request) => {
      const origin = originOf(services.nodeId, requirePrincipal(request).tenantId)
      return { origin, keys: services.evidenceKeys.keysOf(origin).map(noteKeyText) }
    },
  )
}

/** What is read is recorded before it goes out. */
function addListRoutes(app: App, services: Services, readings: Readings): void {
  addPastStateRoute(app, services, readings)
  const record = (request: FastifyRequest, data: Fact<'AuditQueried'>['data']) =>
    readings.record(requirePrincipal(request).tenantId, contextOf(services, request), data)
  app.get(
    '/api/audit/events',
    { config, schema: { querystring: auditQuery, response: answers({ 200: auditEventList }) } },
    async (request) => {
      const { limit: _limit, cursor: _cursor, ...filter } = request.query
      const wanted = filterOf(requirePrincipal(request), request.query)
      const page = await search(services.store, wanted)
      await record(request, { list: 'events', filter })
      return { ...page, items: await readEvents(services, page.items, readerLanguage(request)) }
    },
  )
  app.get(
    '/api/audit/sessions',
    {
      config,
      schema: { querystring: auditSessionsQuery, response: answers({ 200: sessionList }) },
    },
    async (request) => {
      const { limit: _limit, cursor: _cursor, ...filter } = request.query
      const page = await listSessions(services, requirePrincipal(request), request.query)
      await record(request, { list: 'sessions', filter })
      return page
    },
  )
  app.get(
    '/api/audit/sessions/:id',
    {
      config: { ...config, scope: 'session' },
      schema: {
        ...{ params: idParams, querystring: auditSessionQuery },
        response: answers({ 200: auditSessionSchema }),
      },
    },
    async (request) => {
      const row = namedOf(request, 'session')
      const page = { after: request.query.after, limit: maxSessionEvents + 1 }
      const found = await services.store.readStream(row.tenantId, row.id, page)
      const { events, ...more } = sessionPage(found, maxSessionEvents)
      const sent = page.after ? { items: [] } : await search(services.store, commandsOf(row))
      await record(request, { list: 'session', filter: { sessionId: row.id } })
      return {
        session: await toSession(services, row, readerLanguage(request)),
        ...(await services.views.gaps.count(row.tenantId, row.id)),
        events: await readEvents(
          services,
          [...events, ...sent.items].sort((a, b) => a.position - b.position),
          readerLanguage(request),
        ),
        ...more,
        ...(sent.nextCursor === undefined ? {} : { hasMoreCommands: true as const }),
      }
    },
  )
}

function commandsOf({ tenantId, id: sessionId }: SessionRow): EventFilter {
  return { tenantId, sessionId, types: typesOfKind('command'), limit: sessionCommands }
}

async function listSessions(
  services: Services,
  principal: Principal,
  query: Static<typeof auditSessionsQuery>,
) {
  const { limit = pageEvents, cursor, ...wanted } = query
  requireSight(principal, wanted.installationId)
  const { tenantId, installationIds } = principal
  const rows = await services.views.sessions.list({
    ...{ ...wanted, tenantId, installationIds, limit },
    ...(cursor === undefined ? {} : { beforePosition: positionOf(cursor) }),
  })
  const last = rows.length === limit ? rows.at(-1) : undefined
  const items = await Promise.all(rows.map((row) => toSession(services, row, principal.language)))
  return last ? { items, nextCursor: String(last.position) } : { items }
}

/** @throws TravessiaError NOT_FOUND: an installation out of the reader's scope does not exist */
function requireSight(principal: Principal, installationId: string | undefined): void {
  if (installationId !== undefined && !maySee(principal, installationId))
    throw new TravessiaError('NOT_FOUND')
}

/** @throws TravessiaError NOT_FOUND: an installation out of the reader's scope does not exist */
export function filterOf(principal: Principal, query: Static<typeof auditQuery>): EventFilter {
  const { userId, limit = pageEvents, installationId, type: _type, kind: _kind, ...rest } = query
  requireSight(principal, installationId)
  const { tenantId, installationIds } = principal
  return {
    ...{ tenantId, limit, ...rest, ...typesOf(query) },
    ...(installationId === undefined ? {} : { installationId }),
    ...(installationIds === null ? {} : { installationIds }),
    ...(userId === undefined ? {} : { actorId: userId }),
  }
}

function typesOf({ type, kind }: Static<typeof auditQuery>): { types?: EventType[] } {
  if (kind === undefined) return type === undefined ? {} : { types: [type] }
  const types = typesOfKind(kind)
  return { types: type === undefined ? types : types.filter((one) => one === type) }
}

function positionOf(cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor)) throw new TravessiaError('MESSAGE_INVALID', { at: '/cursor' })
  return Number(cursor)
}
