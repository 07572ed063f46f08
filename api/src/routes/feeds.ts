/** Feeds of the audit into another system: an administrator's, of all installations. */

import { idParams } from '@travessia/schemas/api/fields'
import { TravessiaError } from '@travessia/schemas/errors'
import {
  addedFeedSchema,
  type Feed,
  type FeedBody,
  feedBody,
  feedChange,
  feedList,
  feedSchema,
  testedFeedSchema,
} from '@travessia/schemas/feeds'
import { newId } from '@travessia/schemas/ids'
import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { feed as decider, type FeedIntent } from '../domain/feed.ts'
import { newWebhookSecret } from '../feeds/webhook.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { namedOf } from '../plugins/authorization.ts'
import type { Services } from '../services.ts'
import type { FeedRow } from '../views/feeds.ts'
import { type App, answers, contextOf, record } from './route.ts'

const maxFeeds = 4
const config = { permission: 'administer' } as const
const onFeed = { ...config, scope: 'feed' } as const

export function addFeedRoutes(app: App, services: Services): void {
  const { feeds } = services
  app.get(
    '/api/audit/feeds',
    { config, schema: { response: answers({ 200: feedList }) } },
    async (request) => {
      const rows = await services.views.feeds.ofTenant(requireWide(request))
      return { items: rows.map((feed) => toFeed(services, feed)) }
    },
  )
  app.post(
    '/api/audit/feeds',
    { config, schema: { body: feedBody, response: answers({ 201: addedFeedSchema }) } },
    async (request, reply) =>
      reply
        .code(201)
        .send(await feeds.inTurn(requireWide(request), () => add(services, request, request.body))),
  )
  app.patch(
    '/api/audit/feeds/:id',
    {
      config: onFeed,
      schema: { params: idParams, body: feedChange, response: answers({ 200: feedSchema }) },
    },
    async (request) =>
      feeds.inTurn(requireWide(request), () => change(services, request, request.body)),
  )
  app.delete(
    '/api/audit/feeds/:id',
    { config: onFeed, schema: { params: idParams, response: answers({ 204: Type.Null() }) } },
    async (request, reply) => {
      await feeds.inTurn(requireWide(request), () => remove(services, request))
      return reply.code(204).send(null)
    },
  )
  app.post(
    '/api/audit/feeds/:id/test',
    {
      config: onFeed,
      schema: { params: idParams, response: answers({ 202: testedFeedSchema }) },
    },
    async (request, reply) => {
      const position = await feeds.inTurn(requireWide(request), () => tryOut(services, request))
      return reply.code(202).send({ position })
    },
  )
}

async function add(services: Services, request: FastifyRequest, { name, url }: FeedBody) {
  const tenantId = requireWide(request)
  const { views, feeds } = services
  const id = newId()
  const { kind, host } = feeds.targetOf({ tenantId, id }, url)
  if ((await views.feeds.ofTenant(tenantId)).length >= maxFeeds)
    throw new TravessiaError('FEED_LIMIT')
  const secret = kind === 'webhook' ? newWebhookSecret() : null
  feeds.seal({ tenantId, id }, { url, secret })
  const intent = { type: 'AddFeed', name, kind, host } as const
  await write(services, request, { streamId: id, intent })
  await feeds.refresh(tenantId, id)
  return { ...(await shown(services, tenantId, id)), secret }
}

/** The fact comes first; a node that is killed right after it sends to the address of before, until it is changed again. */
async function change(
  services: Services,
  request: FastifyRequest,
  { name, url, isEnabled }: Static<typeof feedChange>,
): Promise<Feed> {
  const { feeds } = services
  const before = namedOf(request, 'feed')
  const { id, tenantId } = before
  const { kind, host } = url === undefined ? before : feeds.targetOf(before, url)
  const fields = { name: name ?? before.name, kind, host, isEnabled: isEnabled ?? before.isEnabled }
  await write(services, request, { streamId: id, intent: { type: 'ChangeFeed', ...fields } })
  if (url !== undefined) feeds.seal(before, { ...feeds.sealedOf(before), url })
  await feeds.refresh(tenantId, id)
  return shown(services, tenantId, id)
}

async function remove(services: Services, request: FastifyRequest): Promise<void> {
  const { feeds } = services
  const feed = namedOf(request, 'feed')
  await write(services, request, { streamId: feed.id, intent: { type: 'RemoveFeed' } })
  await feeds.refresh(feed.tenantId, feed.id)
  feeds.forget(feed)
}

/** Its runner begins anew, so that nobody waits for the end of a pause. */
async function tryOut(services: Services, request: FastifyRequest): Promise<number> {
  const { id, tenantId } = namedOf(request, 'feed')
  const position = await write(services, request, { streamId: id, intent: { type: 'TestFeed' } })
  await services.feeds.refresh(tenantId, id)
  return position
}

async function write(
  services: Services,
  request: FastifyRequest,
  { streamId, intent }: { streamId: string; intent: FeedIntent },
): Promise<number> {
  const stream = { tenantId: requireWide(request), streamKind: 'feed', streamId } as const
  return record(services, decider, { stream, intent, context: contextOf(services, request) })
}

/** A feed sends of all installations, so whoever is narrowed to some has none. */
function requireWide(request: FastifyRequest): string {
  const { tenantId, installationIds } = requirePrincipal(request)
  if (installationIds !== null) throw new TravessiaError('PERMISSION_DENIED')
  return tenantId
}

async function shown(services: Services, tenantId: string, id: string): Promise<Feed> {
  const row = await services.views.feeds.get(tenantId, id)
  if (!row) throw new TravessiaError('NOT_FOUND')
  return toFeed(services, row)
}

function toFeed({ feeds }: Services, row: FeedRow): Feed {
  const { id, name, kind, host, isEnabled } = row
  const { position, deliveredAt, failingSince, error } = feeds.placeOf(row)
  return {
    ...{ id, name, kind, host, isEnabled, position, deliveredAt, failingSince },
    lastError: error,
  }
}
