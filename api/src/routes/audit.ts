/** Reading the log: events, remote sessions, one session whole, export. Exporting is a fact itself. */
import { Readable } from 'node:stream'
import {
  auditEventList,
  auditKeysSchema,
  auditQuery,
  auditSessionQuery,
  auditSessionSchema,
  auditSessionsQuery,
  exportQuery,
} from '@travessia/schemas/api/audit'
import { idParams } from '@travessia/schemas/api/fields'
import { sessionList } from '@travessia/schemas/api/sessions'
import { TravessiaError } from '@travessia/schemas/errors'
import { type EventType, type Fact, typesOfKind } from '@travessia/schemas/events'
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import { noteKeyText } from '@travessia/schemas/evidence/note'
import { newId } from '@travessia/schemas/ids'
import { pastStateSchema, stateQuery } from '@travessia/schemas/past-state'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { bundleFile } from '../audit/bundle.ts'
import { recordUnlessDamaged } from '../audit/damaged-log.ts'
import { exportedLines, exportTypes, sessionsToExport } from '../audit/export.ts'
import { readEvents } from '../audit/reading.ts'
import type { Readings } from '../audit/readings.ts'
import { search } from '../audit/search.ts'
import { maxSessionEvents, sessionPage } from '../audit/session-page.ts'
import { TimeMachine } from '../audit/time-machine.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { namedOf } from '../plugins/authorization.ts'
import { readerLanguage } from '../plugins/error-handler.ts'
import { maySee, type Principal } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import type { EventFilter } from '../store/event-store.ts'
import type { SessionRow } from '../views/sessions.ts'
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
  app.get(
    '/api/audit/export',
    { exposeHeadRoute: false, config, schema: { querystring: exportQuery } },
    async (request, reply) => exportEvents(services, request, { reply, query: request.query }),
  )
}

/** What is read is recorded before it goes out. */
function addListRoutes(app: App, services: Services, readings: Readings): void {
  addStateRoute(app, services, readings)
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

/** The same facts, evolved only so far. */
function addStateRoute(app: App, services: Services, readings: Readings): void {
  const machine = new TimeMachine(services.store)
  app.get(
    '/api/audit/state',
    { config, schema: { querystring: stateQuery, response: answers({ 200: pastStateSchema }) } },
    async (request, reply) => {
      const { tenantId, installationIds } = requirePrincipal(request)
      const leaving = new AbortController()
      reply.raw.once('close', () => leaving.abort())
      const position = await lastPosition(services, tenantId, request.query)
      const data = { list: 'state', filter: request.query } as const
      await readings.record(tenantId, contextOf(services, request), data)
      const moment = { tenantId, installationIds, position, signal: leaving.signal }
      return machine.stateAt(moment)
    },
  )
}

/** Of the customer's last event until then; 0: there was none. */
async function lastPosition(
  { store }: Services,
  tenantId: string,
  { position, at }: Static<typeof stateQuery>,
): Promise<number> {
  const until = at === undefined ? { cursor: String((position ?? 0) + 1) } : { to: at }
  const { items } = await store.query({ tenantId, limit: 1, ...until })
  return items[0]?.position ?? 0
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

async function exportEvents(
  services: Services,
  request: FastifyRequest,
  { reply, query }: { reply: FastifyReply; query: Static<typeof exportQuery> },
): Promise<FastifyReply> {
  const { format, ...wanted } = query
  const principal = requirePrincipal(request)
  const { filter, sessionIds } = await choiceOf(services, principal, wanted)
  if (format === 'bundle' && filter.cursor !== undefined)
    throw new TravessiaError('MESSAGE_INVALID', { at: '/cursor' })
  await recordUnlessDamaged(services, {
    ...{ tenantId: principal.tenantId, streamKind: 'audit', streamId: newId(), expected: 'none' },
    events: [
      { ...contextOf(services, request), type: 'AuditExported', data: { format, filter: wanted } },
    ],
  })
  if (format === 'bundle')
    return sendBundle(services, { reply, principal, asked: wanted, filter, sessionIds })
  const language = readerLanguage(request)
  const lines = exportedLines(services, { filter, sessionIds, format, language })
  return reply
    .type(exportTypes[format])
    .header('content-disposition', `attachment; filename="travessia-audit.${format}"`)
    .send(Readable.from(lines))
}

type Choice = {
  readonly filter: Omit<EventFilter, 'limit'>
  readonly sessionIds: readonly string[] | undefined
}

/**
 * What is to be exported; of sessions, what chooses them does not choose among their events.
 * @throws TravessiaError MESSAGE_INVALID: it cannot be done so, or there are too many sessions
 */
async function choiceOf(
  { views }: Services,
  principal: Principal,
  { activeAt, hasGaps, ...wanted }: Omit<Static<typeof exportQuery>, 'format'>,
): Promise<Choice> {
  const { limit: _limit, ...filter } = filterOf(principal, wanted)
  if (activeAt === undefined && hasGaps === undefined) return { filter, sessionIds: undefined }
  const { type: _type, kind: _kind, cursor, sessionId, ...chosen } = wanted
  if (cursor !== undefined) throw new TravessiaError('MESSAGE_INVALID', { at: '/cursor' })
  if (sessionId !== undefined) throw new TravessiaError('MESSAGE_INVALID', { at: '/sessionId' })
  const { tenantId, installationIds } = principal
  const sessionIds = await sessionsToExport(views.sessions, {
    ...{ ...chosen, tenantId, installationIds },
    ...(activeAt === undefined ? {} : { activeAt }),
    ...(hasGaps === undefined ? {} : { hasGaps }),
  })
  const { types } = filter
  return {
    filter: { tenantId, ...(types && { types }), ...(installationIds && { installationIds }) },
    sessionIds,
  }
}

/** The checkpoint is signed after the export was recorded: the bundle of a whole log ends with its own fact. */
async function sendBundle(
  services: Services,
  {
    reply,
    principal,
    asked,
    filter,
    sessionIds,
  }: Choice & {
    reply: FastifyReply
    principal: Principal
    asked: Omit<Static<typeof exportQuery>, 'format'>
  },
): Promise<FastifyReply> {
  const { signal, end } = services.retention.beginBundle(principal.tenantId)
  reply.raw.once('close', end)
  const checkpoint = await services.checkpointer.fresh(principal.tenantId)
  const isWhole = Object.keys(asked).length === 0 && principal.installationIds === null
  const scope = isWhole ? 'whole' : 'selection'
  return reply
    .type('application/zip')
    .header('content-disposition', `attachment; filename="travessia-audit-${checkpoint.size}.zip"`)
    .send(
      Readable.from(bundleFile(services, { filter, sessionIds, asked, scope, checkpoint, signal })),
    )
}

/** @throws TravessiaError NOT_FOUND: an installation out of the reader's scope does not exist */
function requireSight(principal: Principal, installationId: string | undefined): void {
  if (installationId !== undefined && !maySee(principal, installationId))
    throw new TravessiaError('NOT_FOUND')
}

/** @throws TravessiaError NOT_FOUND: an installation out of the reader's scope does not exist */
function filterOf(principal: Principal, query: Static<typeof auditQuery>): EventFilter {
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
