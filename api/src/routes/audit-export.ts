/** The log as a file that is taken away: a table, JSON lines or evidence. That it was taken, and what it was, are facts. */
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { exportQuery } from '@travessia/schemas/api/audit'
import { TravessiaError } from '@travessia/schemas/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { bundleFile } from '../audit/bundle.ts'
import { exportedLines, exportTypes, sessionsToExport } from '../audit/export.ts'
import { ExportRecord } from '../audit/export-record.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { readerLanguage } from '../plugins/error-handler.ts'
import type { Principal } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import type { EventFilter } from '../store/event-store.ts'
import { filterOf } from './audit.ts'
import { type App, contextOf } from './route.ts'

type Query = Static<typeof exportQuery>

export function addExportRoute(app: App, services: Services): void {
  app.get(
    '/api/audit/export',
    {
      exposeHeadRoute: false,
      config: { permission: 'audit' },
      schema: { querystring: exportQuery },
    },
    async (request, reply) => exportEvents(services, request, { reply, query: request.query }),
  )
}

async function exportEvents(
  services: Services,
  request: FastifyRequest,
  { reply, query }: { reply: FastifyReply; query: Query },
): Promise<FastifyReply> {
  const { format, ...wanted } = query
  const principal = requirePrincipal(request)
  const record = new ExportRecord(services, principal.tenantId)
  const signal = whenGone(reply, (isSent) => record.end(contextOf(services, request), isSent))
  const { filter, sessionIds } = await choiceOf(services, principal, wanted)
  if (format === 'bundle' && filter.cursor !== undefined)
    throw new TravessiaError('MESSAGE_INVALID', { at: '/cursor' })
  // Whoever has left already is sent nothing.
  if (signal.aborted) return reply
  // What a narrowed reader does not see was not selected.
  const { installationIds } = principal
  const asked = { ...wanted, ...(installationIds && { installationIds }) }
  await record.begin(contextOf(services, request), { format, filter: asked })
  if (format === 'bundle')
    return sendBundle(services, { reply, principal, asked, filter, sessionIds, record })
  const order = { filter, sessionIds, format, language: readerLanguage(request) }
  const lines = exportedLines(services, { ...order, signal, seen: record.seen })
  return reply
    .type(exportTypes[format])
    .header('content-disposition', `attachment; filename="travessia-audit.${format}"`)
    .send(Readable.from(record.file(lines)))
}

/** Aborted when the answer is over, one way or the other; `act` is told whether all of it was sent. */
function whenGone(reply: FastifyReply, act: (isSent: boolean) => Promise<void>): AbortSignal {
  const gone = new AbortController()
  const over = (isSent: boolean) => {
    gone.abort()
    return act(isSent)
  }
  void finished(reply.raw).then(
    () => over(true),
    () => over(false),
  )
  return gone.signal
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
  { activeAt, hasGaps, ...wanted }: Omit<Query, 'format'>,
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
    record,
  }: Choice & {
    record: ExportRecord
    reply: FastifyReply
    principal: Principal
    asked: Readonly<Record<string, unknown>>
  },
): Promise<FastifyReply> {
  const { signal, end } = services.retention.beginBundle(principal.tenantId)
  void finished(reply.raw).then(end, end)
  const checkpoint = await services.checkpointer.fresh(principal.tenantId)
  const scope = Object.keys(asked).length === 0 ? 'whole' : 'selection'
  const order = { filter, sessionIds, asked, scope, checkpoint, signal, seen: record.seen } as const
  return reply
    .type('application/zip')
    .header('content-disposition', `attachment; filename="travessia-audit-${checkpoint.size}.zip"`)
    .send(Readable.from(record.file(bundleFile(services, order))))
}
