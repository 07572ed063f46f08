/**
 * Every route declares its permission, and what its `:id` names. What belongs to another tenant or to an
 * installation out of the reader's scope does not exist (404), before the role is asked (403).
 */
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import { isId } from '@travessia/schemas/ids'
import { redactUrl } from '@travessia/schemas/redact'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Hold } from '../domain/retention.ts'
import { eventContext } from '../event-context.ts'
import type { Services } from '../services.ts'
import type { CommandRow } from '../views/commands.ts'
import type { DeviceRow } from '../views/devices.ts'
import type { FeedRow } from '../views/feeds.ts'
import type { InstallationRow } from '../views/installations.ts'
import type { MemberRow } from '../views/members.ts'
import type { SessionRow } from '../views/sessions.ts'
import { current, requirePrincipal } from './authentication.ts'
import { may, maySee, type Permission, type Principal } from './principal.ts'

/** What the `:id` of a route names. */
type Named = {
  installation: InstallationRow
  device: DeviceRow
  session: SessionRow
  command: CommandRow
  member: MemberRow
  feed: FeedRow
  hold: Hold
}
type Scope = keyof Named

const maxPathLength = 300
/** What is out of reach does not exist. */
const denials: ReadonlySet<ErrorCode> = new Set(['PERMISSION_DENIED', 'NOT_FOUND'] as const)

declare module 'fastify' {
  interface FastifyContextConfig {
    permission?: Permission
    scope?: Scope
  }
  interface FastifyRequest {
    named: Partial<Named>
  }
}

export function addAuthorization(app: FastifyInstance, services: Services): void {
  app.decorateRequest('named')
  app.addHook('onRoute', ({ url, config }) => {
    if (config?.permission === undefined) throw new TypeError(`route ${url} declares no permission`)
  })
  app.addHook('onRequest', async (request) => {
    const { permission = 'administer', scope } = request.routeOptions.config
    request.named = {}
    if (permission === 'public' || request.is404) return
    const principal = requirePrincipal(request)
    if (scope) request.named = await find(services, request, { scope, principal })
    if (!may(principal.role, permission)) throw new TravessiaError('PERMISSION_DENIED')
  })
  // Whoever says it: the hook above, or a handler that looks closer.
  app.addHook('onError', async (request, _reply, error) => {
    if (request.principal && error instanceof TravessiaError && denials.has(error.code))
      await recordDenial(services, request, error.code)
  })
}

/** The right to act on the named device, asked once more by what has taken a while since. */
export async function mayStill(services: Services, request: FastifyRequest): Promise<boolean> {
  const { permission = 'administer' } = request.routeOptions.config
  const { tenantId, id, installationId } = namedOf(request, 'device')
  const principal = await current(services, requirePrincipal(request))
  return (
    principal !== undefined &&
    may(principal.role, permission) &&
    maySee(principal, installationId) &&
    services.views.devices.get(tenantId, id) !== undefined
  )
}

/** Who tried what they may not: a fact of their own tenant, whatever the id named elsewhere. */
async function recordDenial(
  { store, now, log }: Services,
  request: FastifyRequest,
  errorCode: ErrorCode,
): Promise<void> {
  const { tenantId, userId } = requirePrincipal(request)
  const path = redactUrl(request.url).slice(0, maxPathLength)
  await store
    .append({
      ...{ tenantId, streamKind: 'access', streamId: userId, expected: 'any' },
      events: [
        {
          ...{ type: 'AccessDenied', data: { errorCode, method: request.method, path } },
          ...eventContext({ type: 'user', id: userId }, now(), { correlationId: request.id }),
        },
      ],
    })
    // The answer is no in any case.
    .catch((error: unknown) => log.error({ err: error, tenantId, userId }, 'denial not recorded'))
}

/** What this route's `:id` names; the hook has found it. */
export function namedOf<S extends Scope>({ named }: FastifyRequest, scope: S): Named[S] {
  const found = named[scope]
  if (!found) throw new TypeError(`this route has no ${scope}`)
  return found
}

async function find(
  { views, retention }: Services,
  request: FastifyRequest,
  { scope, principal }: { scope: Scope; principal: Principal },
): Promise<Partial<Named>> {
  const { id } = request.params as { id?: string }
  const { tenantId } = principal
  if (!isId(id)) throw new TravessiaError('NOT_FOUND')
  const rows = {
    installation: () => views.installations.get(tenantId, id),
    device: async () => views.devices.get(tenantId, id),
    session: () => views.sessions.get(tenantId, id),
    command: () => views.commands.get(tenantId, id),
    member: () => views.members.get(id, tenantId),
    feed: () => views.feeds.get(tenantId, id),
    hold: () => retention.holdOf(tenantId, id),
  } satisfies Record<Scope, () => Promise<unknown>>
  const row = await rows[scope]()
  if (!row) throw new TravessiaError('NOT_FOUND')
  const installationId =
    scope === 'installation' ? id : 'installationId' in row ? row.installationId : undefined
  if (scope !== 'member' && !maySee(principal, installationId))
    throw new TravessiaError('NOT_FOUND')
  const wanted = request.aliasInstallationId
  if (wanted !== undefined && wanted !== installationId) throw new TravessiaError('NOT_FOUND')
  return { [scope]: row }
}
