/** What every route module shares: its types, its answers, and how it writes facts. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { problemSchema } from '@travessia/schemas/api/problem'
import { TravessiaError } from '@travessia/schemas/errors'
import type { EventContext, Fact, StreamKind } from '@travessia/schemas/events'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { TSchema } from 'typebox'
import { type Decider, handle } from '../domain/decider.ts'
import { eventContext } from '../event-context.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import type { Services } from '../services.ts'

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** Every answer of a route: its own, and problem details for the rest. */
export function answers<T extends Record<number, TSchema>>(own: T) {
  return { ...own, '4xx': problemSchema, '5xx': problemSchema }
}

/** Who, when and in which request; `places`: what it belongs to. */
export function contextOf(
  services: Pick<Services, 'now'>,
  request: FastifyRequest,
  places: Partial<Pick<EventContext, 'installationId' | 'deviceId' | 'agentId' | 'sessionId'>> = {},
): EventContext {
  const actor = { type: 'user', id: requirePrincipal(request).userId } as const
  return eventContext(actor, services.now(), { ...places, correlationId: request.id })
}

/**
 * Decides, writes, and waits until the views show it: the answer reads its own write.
 * @returns the place of what was written
 */
export async function record<State, Intent, F extends Fact>(
  { store, views }: Pick<Services, 'store' | 'views'>,
  decider: Decider<State, Intent, F>,
  what: {
    readonly stream: {
      readonly tenantId: string
      readonly streamKind: StreamKind
      readonly streamId: string
    }
    readonly intent: Intent
    readonly context: EventContext
  },
): Promise<number> {
  const { position } = await handle(store, decider, what.stream, what.intent, what.context)
  await views.until(position)
  return position ?? 0
}

/** @throws TravessiaError MESSAGE_INVALID: not 1-128 visible ASCII */
export function idempotencyKeyOf({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key !== 'string' || !/^[!-~]{1,128}$/.test(key))
    throw new TravessiaError('MESSAGE_INVALID', { at: '/headers/idempotency-key' })
  return key
}
