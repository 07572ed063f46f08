/** Open, extend and end remote sessions. */
import { idParams } from '@travessia/schemas/api/fields'
import {
  extendSessionBody,
  openedSessionSchema,
  openSessionBody,
  type Session,
  sessionList,
} from '@travessia/schemas/api/sessions'
import type { Language } from '@travessia/schemas/errors'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { requirePrincipal } from '../plugins/authentication.ts'
import { mayStill, namedOf } from '../plugins/authorization.ts'
import { readerLanguage } from '../plugins/error-handler.ts'
import type { Services } from '../services.ts'
import type { SessionRow } from '../views/sessions.ts'
import { type App, answers, contextOf, idempotencyKeyOf } from './route.ts'

const onSession = { permission: 'operate', scope: 'session' } as const
const recentOnDevice = 20

export function addSessionRoutes(app: App, services: Services): void {
  app.post(
    '/api/devices/:id/sessions',
    {
      config: { permission: 'operate', scope: 'device' },
      schema: {
        params: idParams,
        body: Type.Union([openSessionBody, Type.Null()]),
        response: answers({ 201: openedSessionSchema }),
      },
    },
    async (request, reply) => {
      const { reason = '', ...wanted } = request.body ?? {}
      const { userId, loginId } = requirePrincipal(request)
      const opened = await services.sessions.open({
        ...{ ...wanted, reason, userId, loginId },
        ...{ device: namedOf(request, 'device'), clientIp: request.ip, correlationId: request.id },
        userAgent: request.headers['user-agent'] ?? '',
        isWelcome: () => mayStill(services, request),
      })
      reply.code(201)
      return opened
    },
  )
  app.get(
    '/api/devices/:id/sessions',
    {
      config: { permission: 'read', scope: 'device' },
      schema: { params: idParams, response: answers({ 200: sessionList }) },
    },
    async (request) => {
      const { tenantId, id: deviceId } = namedOf(request, 'device')
      const filter = { tenantId, deviceId, installationIds: null, limit: recentOnDevice }
      const rows = await services.views.sessions.list(filter)
      return {
        items: await Promise.all(
          rows.map((row) => toSession(services, row, readerLanguage(request))),
        ),
      }
    },
  )
  addOneSessionRoutes(app, services)
}

function addOneSessionRoutes(app: App, services: Services): void {
  app.post(
    '/api/sessions/:id/extend',
    {
      config: onSession,
      schema: {
        params: idParams,
        body: Type.Union([extendSessionBody, Type.Null()]),
        response: answers({ 200: openedSessionSchema }),
      },
    },
    async (request) => {
      const session = namedOf(request, 'session')
      const context = sessionContext(services, request, session)
      const { expiresAt } = await services.sessions.extend(session, {
        ...request.body,
        idempotencyKey: idempotencyKeyOf(request),
        context,
      })
      return { sessionId: session.id, url: services.sessions.urlOf(session), expiresAt }
    },
  )
  app.delete(
    '/api/sessions/:id',
    { config: onSession, schema: { params: idParams, response: answers({ 204: Type.Null() }) } },
    async (request, reply) => {
      const session = namedOf(request, 'session')
      const context = sessionContext(services, request, session)
      await services.sessions.close(session.id, context)
      return reply.code(204).send(null)
    },
  )
}

export async function toSession(
  { users, views }: Pick<Services, 'users' | 'views'>,
  row: SessionRow,
  language: Language,
): Promise<Session> {
  const { tenantId, endsAtLatest: _latest, position: _position, ...shown } = row
  const installation = await views.installations.get(tenantId, row.installationId)
  return {
    ...shown,
    userName: users.nameOf(row.userId, language),
    deviceName: (await views.devices.described(tenantId, row.deviceId))?.name ?? '?',
    installationName: installation?.name ?? '?',
  }
}

function sessionContext(services: Services, request: FastifyRequest, row: SessionRow) {
  const { id: sessionId, installationId, deviceId } = row
  return contextOf(services, request, { installationId, deviceId, sessionId })
}
