/** Issue a command, follow it. 202 only after CommandIssued (or CommandHeld) is durable. */
import {
  actHeaders,
  type CommandState,
  commandBody,
  commandList,
  commandStateSchema,
  issuedCommandSchema,
} from '@travessia/schemas/api/commands'
import { idParams } from '@travessia/schemas/api/fields'
import type { Language } from '@travessia/schemas/errors'
import { requirePrincipal } from '../plugins/authentication.ts'
import { namedOf } from '../plugins/authorization.ts'
import { readerLanguage } from '../plugins/error-handler.ts'
import type { Services } from '../services.ts'
import type { CommandRow } from '../views/commands.ts'
import { type App, answers, idempotencyKeyOf } from './route.ts'

const recentOnDevice = 20

export function addCommandRoutes(app: App, services: Services): void {
  app.post(
    '/api/devices/:id/commands',
    {
      // Counted apart: pages that ask all the time do not keep anybody from stopping a machine.
      config: { permission: 'operate', scope: 'device', evenLate: true, rateLimit: {} },
      schema: {
        params: idParams,
        headers: actHeaders,
        body: commandBody,
        response: answers({ 202: issuedCommandSchema }),
      },
    },
    async (request, reply) => {
      const { command, args = {}, expiresInMs, confirm = false } = request.body
      const device = namedOf(request, 'device')
      const key = idempotencyKeyOf(request)
      const actedAt = request.headers['x-travessia-acted-at']
      const { userId } = requirePrincipal(request)
      const session = services.sessions.inUse(userId, device.id)
      const issued = await services.commands.issue({
        ...{ tenantId: device.tenantId, userId, device },
        ...{ command, args, isConfirmed: confirm, correlationId: request.id },
        ...(expiresInMs === undefined ? {} : { expiresInMs }),
        ...(key === undefined ? {} : { idempotencyKey: key }),
        ...(actedAt === undefined ? {} : { actedAt }),
        ...(session && { sessionId: session.id }),
      })
      reply.code(202)
      return issued
    },
  )
  app.get(
    '/api/devices/:id/commands',
    {
      config: { permission: 'read', scope: 'device' },
      schema: { params: idParams, response: answers({ 200: commandList }) },
    },
    async (request) => {
      const { tenantId, id } = namedOf(request, 'device')
      const rows = await services.views.commands.ofDevice(tenantId, id, recentOnDevice)
      return { items: rows.map((row) => toCommand(services, row, readerLanguage(request))) }
    },
  )
  app.get(
    '/api/commands/:id',
    {
      config: { permission: 'read', scope: 'command' },
      schema: { params: idParams, response: answers({ 200: commandStateSchema }) },
    },
    async (request) => toCommand(services, namedOf(request, 'command'), readerLanguage(request)),
  )
}

export function toCommand(
  { users }: Pick<Services, 'users'>,
  row: CommandRow,
  language: Language,
): CommandState {
  const { id, deviceId, installationId, userId, status, confirmed, errorCode, detail } = row
  const { command, args, expiresAt, body = null } = row.issued
  return {
    ...{
      id,
      deviceId,
      installationId,
      userId,
      command,
      args,
      status,
      confirmed,
      errorCode,
      detail,
    },
    ...{ body, percent: row.percent, file: row.file },
    userName: users.nameOf(userId, language),
    decidedByName: row.decidedBy === null ? null : users.nameOf(row.decidedBy, language),
    ...{ issuedAt: row.issuedAt, expiresAt, endedAt: row.endedAt },
  }
}
