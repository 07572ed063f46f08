/** The two-person rule: what it covers, what waits, and the second person's yes or no. */
import {
  type Approval,
  actHeaders,
  approvalList,
  commandStateSchema,
  type Policy,
  policySchema,
} from '@travessia/schemas/api/commands'
import { idParams } from '@travessia/schemas/api/fields'
import { TravessiaError } from '@travessia/schemas/errors'
import type { FastifyRequest } from 'fastify'
import type { KnownState } from '../bus/device-states.ts'
import { policy as decider } from '../domain/policy.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { namedOf } from '../plugins/authorization.ts'
import { readerLanguage } from '../plugins/error-handler.ts'
import { maySee } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import { toCommand } from './commands.ts'
import { type App, answers, contextOf, record } from './route.ts'

export function addApprovalRoutes(app: App, services: Services): void {
  app.get(
    '/api/policy',
    { config: { permission: 'read' }, schema: { response: answers({ 200: policySchema }) } },
    async (request) => services.views.policies.get(requirePrincipal(request).tenantId),
  )
  app.patch(
    '/api/policy',
    {
      config: { permission: 'administer' },
      schema: { body: policySchema, response: answers({ 200: policySchema }) },
    },
    async (request) => change(services, request, request.body),
  )
  app.get(
    '/api/approvals',
    { config: { permission: 'read' }, schema: { response: answers({ 200: approvalList }) } },
    async (request) => ({ items: await waitingFor(services, request) }),
  )
  for (const act of ['approve', 'reject'] as const)
    app.post(
      `/api/commands/:id/${act}`,
      {
        config: { permission: 'operate', scope: 'command' },
        schema: {
          ...{ params: idParams, headers: actHeaders },
          response: answers({ 200: commandStateSchema }),
        },
      },
      async (request) => {
        const row = namedOf(request, 'command')
        const { userId } = requirePrincipal(request)
        const actedAt = request.headers['x-travessia-acted-at']
        await services.approvals[act](row, { userId, actedAt })
        const after = await services.views.commands.get(row.tenantId, row.id)
        return toCommand(services, after ?? row, readerLanguage(request))
      },
    )
}

async function change(services: Services, request: FastifyRequest, body: Policy): Promise<Policy> {
  const { tenantId, installationIds } = requirePrincipal(request)
  // It holds for all installations, so whoever is narrowed to some may not set it.
  if (installationIds !== null) throw new TravessiaError('PERMISSION_DENIED')
  for (const id of body.secondPerson.deviceIds)
    if (!services.views.devices.get(tenantId, id)) throw new TravessiaError('NOT_FOUND')
  await record(services, decider, {
    stream: { tenantId, streamKind: 'policy', streamId: tenantId },
    intent: { type: 'ChangePolicy', ...body },
    context: contextOf(services, request),
  })
  return services.views.policies.get(tenantId)
}

const entryOf = (known?: KnownState) =>
  known?.state.entry === undefined ? {} : { entry: known.state.entry }

async function waitingFor(services: Services, request: FastifyRequest): Promise<Approval[]> {
  const { commands, devices, installations } = services.views
  const principal = requirePrincipal(request)
  const { tenantId } = principal
  const rows = await commands.awaiting(tenantId)
  return Promise.all(
    rows
      .filter(({ installationId }) => maySee(principal, installationId))
      .map(async (row) => ({
        ...toCommand(services, row, readerLanguage(request)),
        deviceName: devices.get(tenantId, row.deviceId)?.name ?? '?',
        installationName: (await installations.get(tenantId, row.installationId))?.name ?? '?',
        ...entryOf(services.deviceStates.of(row.deviceId)),
      })),
  )
}
