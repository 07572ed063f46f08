/** Sites, and each site's one agent: its state, pairing codes, token renewal, unpairing. */
import { type AgentState, agentStateSchema, pairingCodeSchema } from '@travessia/schemas/api/agents'
import { idParams } from '@travessia/schemas/api/fields'
import {
  changeInstallationBody,
  type Installation,
  installationBody,
  installationList,
  installationSchema,
} from '@travessia/schemas/api/installations'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { agent as agentDecider } from '../domain/agent.ts'
import { installation as decider } from '../domain/device.ts'
import { slugOf } from '../domain/slug.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { namedOf } from '../plugins/authorization.ts'
import { maySee } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import type { AgentRow } from '../views/agents.ts'
import type { InstallationRow } from '../views/installations.ts'
import { type App, answers, contextOf, record } from './route.ts'

const onOne = (permission: 'read' | 'manage') => ({ permission, scope: 'installation' }) as const
const none = answers({ 204: Type.Null() })

export function addInstallationRoutes(app: App, services: Services): void {
  app.get(
    '/api/installations',
    { config: { permission: 'read' }, schema: { response: answers({ 200: installationList }) } },
    async (request) => {
      const principal = requirePrincipal(request)
      const rows = await services.views.installations.list(principal.tenantId)
      const seen = rows.filter(({ id }) => maySee(principal, id))
      return { items: await Promise.all(seen.map((row) => toInstallation(services, row))) }
    },
  )
  app.post(
    '/api/installations',
    {
      config: { permission: 'manage' },
      schema: { body: installationBody, response: answers({ 201: installationSchema }) },
    },
    async (request, reply) => {
      const row = await create(services, request, request.body)
      reply.code(201)
      return toInstallation(services, row)
    },
  )
  app.get(
    '/api/installations/:id',
    {
      config: onOne('read'),
      schema: { params: idParams, response: answers({ 200: installationSchema }) },
    },
    async (request) => toInstallation(services, namedOf(request, 'installation')),
  )
  app.patch(
    '/api/installations/:id',
    {
      config: onOne('manage'),
      schema: {
        params: idParams,
        body: changeInstallationBody,
        response: answers({ 200: installationSchema }),
      },
    },
    async (request) => {
      const row = namedOf(request, 'installation')
      await write(services, request, {
        row,
        intent: { type: 'ChangeInstallation', changes: request.body },
      })
      return toInstallation(services, { ...row, ...request.body })
    },
  )
  app.delete(
    '/api/installations/:id',
    { config: onOne('manage'), schema: { params: idParams, response: none } },
    async (request, reply) => {
      await remove(services, request)
      return reply.code(204).send(null)
    },
  )
  addAgentRoutes(app, services)
}

function addAgentRoutes(app: App, services: Services): void {
  app.get(
    '/api/installations/:id/agent',
    {
      config: onOne('read'),
      schema: { params: idParams, response: answers({ 200: agentStateSchema }) },
    },
    async (request) => agentStateOf(services, namedOf(request, 'installation')),
  )
  app.post(
    '/api/installations/:id/agent/pairing-codes',
    {
      config: onOne('manage'),
      schema: { params: idParams, response: answers({ 201: pairingCodeSchema }) },
    },
    async (request, reply) => {
      reply.code(201)
      return issuePairingCode(services, request)
    },
  )
  app.post(
    '/api/installations/:id/agent/token',
    {
      config: onOne('manage'),
      schema: { params: idParams, response: answers({ 200: agentStateSchema }) },
    },
    async (request) => {
      const row = namedOf(request, 'installation')
      const agent = requireAgent(services, row)
      await writeAgent(services, request, {
        agent,
        intent: { type: 'RenewAgentToken', reason: 'user' },
      })
      services.pairing.refuseOldTokens(agent.agentId)
      await services.link.revoke(agent)
      return agentStateOf(services, row)
    },
  )
  app.delete(
    '/api/installations/:id/agent',
    { config: onOne('manage'), schema: { params: idParams, response: none } },
    async (request, reply) => {
      const agent = requireAgent(services, namedOf(request, 'installation'))
      await unpair(services, request, agent)
      return reply.code(204).send(null)
    },
  )
}

/** What is known of an installation's agent now: facts from the view, the rest from its heartbeats. */
export function agentStateOf(
  { views, presence, pairing }: Pick<Services, 'views' | 'presence' | 'pairing'>,
  { tenantId, id }: Pick<InstallationRow, 'tenantId' | 'id'>,
): AgentState {
  const agent = views.agents.current(tenantId, id)
  const codeUntil = agent ? undefined : pairing.liveUntil(id)
  if (!agent) {
    return {
      status: codeUntil === undefined ? 'OFFLINE' : 'PAIRING',
      ...{
        agentId: null,
        name: null,
        version: null,
        lastHeartbeatAt: null,
        externalIp: null,
        since: null,
        policy: null,
      },
      metadata: codeUntil === undefined ? {} : { pairingExpiresAt: iso(codeUntil) },
    }
  }
  const { heartbeat, lastHeartbeatAt, isOnline, address } = presence.of(agent.agentId)
  return {
    status: isOnline ? 'ONLINE' : 'OFFLINE',
    ...{ agentId: agent.agentId, name: agent.name, version: heartbeat?.version ?? agent.version },
    lastHeartbeatAt: lastHeartbeatAt === undefined ? null : iso(lastHeartbeatAt),
    ...{ externalIp: address || agent.ip || null, since: agent.since, policy: agent.policy },
    metadata: {
      ...{ hostname: agent.hostname, keyThumbprint: agent.keyThumbprint },
      ...(heartbeat ? { ...heartbeat.host, devicesVersion: heartbeat.devicesVersion } : {}),
      ...(heartbeat?.pausedUntil === undefined ? {} : { pausedUntil: heartbeat.pausedUntil }),
    },
  }
}

async function toInstallation(services: Services, row: InstallationRow): Promise<Installation> {
  const { id, name, slug, customer, createdAt, tenantId } = row
  const agent = agentStateOf(services, row)
  const devices = await services.views.devices.list(tenantId, id)
  return { id, name, slug, customer, createdAt, agent, deviceCount: devices.length }
}

async function create(
  services: Services,
  request: FastifyRequest,
  { name, customer = '' }: { name: string; customer?: string },
): Promise<InstallationRow> {
  const { tenantId, installationIds } = requirePrincipal(request)
  // Who is narrowed to some sites could not see a new one.
  if (installationIds !== null) throw new TravessiaError('PERMISSION_DENIED')
  const id = newId()
  const taken = await services.views.installations.list(tenantId)
  const slug = slugOf(name, new Set(taken.map((one) => one.slug)))
  const row = { id, tenantId, name, slug, customer, createdAt: iso(services.now()) }
  const intent = { type: 'CreateInstallation', fields: { name, slug, customer } } as const
  await write(services, request, { row, intent })
  return row
}

/** @throws TravessiaError INSTALLATION_IN_USE: it still has devices or an agent */
async function remove(services: Services, request: FastifyRequest): Promise<void> {
  const row = namedOf(request, 'installation')
  const devices = await services.views.devices.list(row.tenantId, row.id)
  const agent = services.views.agents.current(row.tenantId, row.id)
  if (devices.length > 0 || agent) throw new TravessiaError('INSTALLATION_IN_USE')
  await write(services, request, { row, intent: { type: 'RemoveInstallation' } })
}

async function write(
  services: Services,
  request: FastifyRequest,
  {
    row,
    intent,
  }: {
    row: Pick<InstallationRow, 'id' | 'tenantId'>
    intent: Parameters<typeof decider.decide>[0]
  },
): Promise<void> {
  const stream = { tenantId: row.tenantId, streamKind: 'installation', streamId: row.id } as const
  const context = contextOf(services, request, { installationId: row.id })
  await record(services, decider, { stream, intent, context })
}

async function issuePairingCode(services: Services, request: FastifyRequest) {
  const { id: installationId, tenantId } = namedOf(request, 'installation')
  const { userId } = requirePrincipal(request)
  const { code, expiresAt } = services.pairing.issue({ tenantId, installationId, userId })
  const context = contextOf(services, request, { installationId })
  const fact = { type: 'PairingCodeIssued', data: { expiresAt: iso(expiresAt) } } as const
  // A stream of its own: the agent has no id yet, and the installation's stream is about the installation.
  await services.store.append({
    ...{ tenantId, streamKind: 'agent', streamId: newId(), expected: 'none' },
    events: [{ ...context, ...fact }],
  })
  return { code, expiresAt: iso(expiresAt) }
}

function requireAgent({ views }: Services, { tenantId, id }: InstallationRow): AgentRow {
  const agent = views.agents.current(tenantId, id)
  if (!agent) throw new TravessiaError('NOT_FOUND')
  return agent
}

async function unpair(services: Services, request: FastifyRequest, agent: AgentRow): Promise<void> {
  await writeAgent(services, request, { agent, intent: { type: 'RevokeAgent', reason: 'user' } })
  services.pairing.revoke(agent.agentId)
  services.presence.forget(agent)
  await services.link.revoke(agent)
  await services.sessions.revokeWhere(
    ({ installationId }) => installationId === agent.installationId,
    'agent-unpaired',
  )
}

async function writeAgent(
  services: Services,
  request: FastifyRequest,
  { agent, intent }: { agent: AgentRow; intent: Parameters<typeof agentDecider.decide>[0] },
): Promise<void> {
  const { tenantId, agentId, installationId } = agent
  const stream = { tenantId, streamKind: 'agent', streamId: agentId } as const
  const context = contextOf(services, request, { installationId, agentId })
  await record(services, agentDecider, { stream, intent, context })
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
