/** Called by agents: a code for an identity, a proof for a fresh token. */
import {
  type AgentToken,
  agentTokenSchema,
  pairBody,
  renewBody,
} from '@travessia/schemas/api/agents'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import type { FastifyRequest } from 'fastify'
import { calculateJwkThumbprint } from 'jose'
import type { Static } from 'typebox'
import { agent as decider } from '../domain/agent.ts'
import { eventContext } from '../event-context.ts'
import { networkOf } from '../identity/attempts.ts'
import type { AgentKeys } from '../identity/pairing.ts'
import { statedPolicy } from '../identity/site-policy.ts'
import type { Services } from '../services.ts'
import { type App, answers, record } from './route.ts'

const everybody = 'everybody'

export function addAgentRoutes(app: App, services: Services): void {
  app.post(
    '/api/agents/pair',
    {
      config: { permission: 'public' },
      schema: { body: pairBody, response: answers({ 201: agentTokenSchema }) },
    },
    async (request, reply) => {
      const keys = await pair(services, request, request.body)
      reply.code(201)
      return answer(services, keys, await services.agentCredentials.issue(keys))
    },
  )
  app.post(
    '/api/agents/token',
    {
      config: { permission: 'public' },
      schema: { body: renewBody, response: answers({ 200: agentTokenSchema }) },
    },
    async (request) => {
      const { agentId, proof } = request.body
      const { keys, ...token } = await services.agentCredentials.renew(agentId, proof)
      return answer(services, keys, token)
    },
  )
}

/** @throws TravessiaError PAIRING_CODE_INVALID, RATE_LIMITED, AGENT_ALREADY_PAIRED, MESSAGE_INVALID (its policy) */
async function pair(
  services: Services,
  request: FastifyRequest,
  body: Static<typeof pairBody>,
): Promise<AgentKeys> {
  const { pairing, views } = services
  const { tenantId, installationId } = found(services, request, body.code)
  if (views.agents.current(tenantId, installationId))
    throw new TravessiaError('AGENT_ALREADY_PAIRED')
  const { publicKey, encryptionKey, hostname, name = hostname, version = '' } = body
  const stated = await statedPolicy(body)
  const agentId = newId()
  pairing.take(body.code, { agentId, tenantId, installationId, publicKey, encryptionKey })
  const keyThumbprint = await calculateJwkThumbprint(publicKey)
  await record(services, decider, {
    stream: { tenantId, streamKind: 'agent', streamId: agentId },
    intent: {
      type: 'EnrollAgent',
      enrolled: { name, hostname, version, ip: request.ip, keyThumbprint },
      ...(stated ? { stated } : {}),
    },
    context: eventContext({ type: 'agent', id: agentId }, services.now(), {
      ...{ installationId, agentId, correlationId: request.id },
    }),
  })
  return {
    ...{ agentId, tenantId, installationId, publicKey, encryptionKey },
    ...{ tokenNotBefore: 0, isRevoked: false },
  }
}

/** A wrong entry names no code, so it counts against the address and against everybody. @throws as `pair` */
function found(services: Services, { ip }: FastifyRequest, code: string) {
  const { pairing, pairingAttempts, allPairingAttempts } = services
  const network = networkOf(ip)
  pairingAttempts.require(network)
  allPairingAttempts.require(everybody)
  try {
    return pairing.find(code)
  } catch (error) {
    pairingAttempts.failed(network)
    allPairingAttempts.failed(everybody)
    throw error
  }
}

function answer(
  { endpoints, tokens, now }: Services,
  { agentId, tenantId, installationId }: AgentKeys,
  token: { token: string; expiresAt: string },
): AgentToken {
  const { wsUrl, httpUrl: apiUrl } = endpoints()
  return {
    ...{ agentId, tenantId, installationId },
    token: token.token,
    expiresAt: token.expiresAt,
    endpoints: { wsUrl, apiUrl },
    serverKeys: tokens.orderKeys().map((key) => ({ ...key })),
    serverTime: now(),
  }
}
