/** How long the audit is kept and what a legal hold keeps longer: an administrator's, for all installations. */

import { idParams } from '@travessia/schemas/api/fields'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import {
  appliedSchema,
  dueSchema,
  type HoldBody,
  holdBody,
  holdSchema,
  type RetentionShown,
  retentionBody,
  retentionSchema,
} from '@travessia/schemas/retention'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { requirePrincipal } from '../plugins/authentication.ts'
import { namedOf } from '../plugins/authorization.ts'
import { maySee, type Principal } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import { type App, answers, contextOf } from './route.ts'

const config = { permission: 'administer' } as const
const shownRanges = 1_000

export function addRetentionRoutes(app: App, services: Services): void {
  const { retention } = services
  app.get(
    '/api/audit/retention',
    { config: { permission: 'audit' }, schema: { response: answers({ 200: retentionSchema }) } },
    async (request) => {
      const reader = requirePrincipal(request)
      const { days, holds } = await shown(services, reader.tenantId)
      return { days, holds: holds.filter((hold) => isTheirs(hold, reader)) }
    },
  )
  app.patch(
    '/api/audit/retention',
    {
      config,
      schema: { body: retentionBody, response: answers({ 200: retentionSchema }) },
    },
    async (request) => {
      const tenantId = requireWide(request)
      const intent = { type: 'ChangeRetention', ...request.body } as const
      await retention.change(tenantId, intent, contextOf(services, request))
      return shown(services, tenantId)
    },
  )
  app.post(
    '/api/audit/retention/dry-run',
    { config, schema: { response: answers({ 200: dueSchema }) } },
    async (request) => {
      const due = await retention.due(requireWide(request))
      if (!due) return { until: null, events: 0, kinds: {}, held: 0, behind: null, ranges: [] }
      const { events, kinds, held, mark, spans } = due.plan
      const behind = mark && due.plan.behind > 0 ? { events: due.plan.behind, ...mark } : null
      const ranges = spans
        .slice(0, shownRanges)
        .map(([first, last]): [number, number] => [first, last])
      return { until: due.until, events, kinds, held, behind, ranges }
    },
  )
  app.post(
    '/api/audit/retention/apply',
    { config, schema: { response: answers({ 200: appliedSchema }) } },
    async (request) => retention.apply(requireWide(request), contextOf(services, request)),
  )
  addHoldRoutes(app, services)
}

function addHoldRoutes(app: App, services: Services): void {
  const { retention } = services
  app.post(
    '/api/audit/holds',
    { config, schema: { body: holdBody, response: answers({ 201: holdSchema }) } },
    async (request, reply) => {
      const tenantId = requireWide(request)
      await requireKnown(services, tenantId, request.body)
      const hold = { holdId: newId(), ...request.body }
      const intent = { type: 'PlaceHold', ...hold } as const
      const context = contextOf(services, request)
      await services.inTurn(tenantId, () => retention.change(tenantId, intent, context))
      return reply.code(201).send(hold)
    },
  )
  app.delete(
    '/api/audit/holds/:id',
    {
      config: { ...config, scope: 'hold' },
      schema: { params: idParams, response: answers({ 204: Type.Null() }) },
    },
    async (request, reply) => {
      const { holdId } = namedOf(request, 'hold')
      const intent = { type: 'LiftHold', holdId } as const
      await retention.change(requireWide(request), intent, contextOf(services, request))
      return reply.code(204).send(null)
    },
  )
}

/**
 * A hold with a slip in its id would keep nothing and look as if it did. What has been deleted is still in the log.
 * @throws TravessiaError NOT_FOUND
 */
async function requireKnown(
  { store, views }: Services,
  tenantId: string,
  { scope, id }: HoldBody,
): Promise<void> {
  if (scope === 'all') return
  if (id === undefined) throw new TravessiaError('MESSAGE_INVALID', { at: '/id' })
  if (scope === 'user' && (await views.members.get(id, tenantId))) return
  const of = {
    ...{ user: { actorId: id }, session: { sessionId: id } },
    ...{ installation: { installationId: id }, device: { deviceId: id } },
  }
  const { items } = await store.query({ tenantId, limit: 1, ...of[scope] })
  if (items.length === 0) throw new TravessiaError('NOT_FOUND')
}

async function shown({ retention }: Services, tenantId: string): Promise<RetentionShown> {
  const { days, holds } = await retention.stateOf(tenantId)
  return { days, holds: [...holds] }
}

/** Reasons and ids are of no concern to who sees some installations only. */
function isTheirs({ scope, id }: HoldBody, reader: Principal): boolean {
  return reader.installationIds === null || scope === 'all' || maySee(reader, id)
}

/** It holds for all installations, so whoever is narrowed to some may not set it. */
function requireWide(request: FastifyRequest): string {
  const { tenantId, installationIds } = requirePrincipal(request)
  if (installationIds !== null) throw new TravessiaError('PERMISSION_DENIED')
  return tenantId
}
