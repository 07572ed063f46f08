/** Bearer token or the one cookie → principal. A cookie may only write with our header and from our own pages. */
import type {} from '@fastify/cookie'
import { TravessiaError } from '@travessia/schemas/errors'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { cookieName } from '../identity/logins.ts'
import type { Services } from '../services.ts'
import type { Principal } from './principal.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** undefined on public routes and without a credential. */
    principal: Principal | undefined
  }
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

export function addAuthentication(app: FastifyInstance, services: Services): void {
  app.decorateRequest('principal', undefined)
  app.addHook('onRequest', async (request) => {
    const permission = request.routeOptions.config.permission
    if (permission === undefined || permission === 'public') return
    request.principal = await principalOf(services, request)
  })
}

/** @throws TravessiaError TOKEN_MISSING: the route needs somebody */
export function requirePrincipal({ principal }: FastifyRequest): Principal {
  if (!principal) throw new TravessiaError('TOKEN_MISSING')
  return principal
}

async function principalOf(services: Services, request: FastifyRequest): Promise<Principal> {
  const { authorization } = request.headers
  if (authorization === undefined) return byCookie(services, request)
  const token = /^Bearer ([\w.-]+)$/i.exec(authorization)?.[1]
  if (token === undefined) throw new TravessiaError('TOKEN_INVALID')
  const { sid, sub } = await services.tokens.verifyUserToken(token)
  const login = services.logins.byId(sid)
  if (!login || login.userId !== sub) throw new TravessiaError('TOKEN_INVALID')
  return load(services, login)
}

async function byCookie(services: Services, request: FastifyRequest): Promise<Principal> {
  const secret = request.cookies[cookieName]
  if (!secret) throw new TravessiaError('TOKEN_MISSING')
  const site = request.headers['sec-fetch-site']
  const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none'
  const isWrite = !safeMethods.has(request.method)
  if (isForeign || (isWrite && request.headers['x-travessia'] !== '1'))
    throw new TravessiaError('ORIGIN_REFUSED')
  const login = services.logins.bySecret(secret)
  if (!login) throw new TravessiaError('TOKEN_EXPIRED')
  return load(services, login)
}

/** The same person as they are now; undefined: signed out, disabled or without a role. */
export async function current(
  services: Services,
  { loginId }: Pick<Principal, 'loginId'>,
): Promise<Principal | undefined> {
  const login = services.logins.byId(loginId)
  return login && load(services, login).catch(() => undefined)
}

/** @throws TravessiaError TOKEN_INVALID: the person was disabled or has no role any more */
export async function load(
  { users, views }: Services,
  login: { readonly id: string; readonly userId: string },
): Promise<Principal> {
  const user = users.get(login.userId)
  if (!user || user.isDisabled) throw new TravessiaError('TOKEN_INVALID')
  const member = await views.members.get(user.id, user.tenantId)
  if (!member || member.isSuspended) throw new TravessiaError('TOKEN_INVALID')
  const { id: userId, email, name, language } = user
  const { tenantId, tenantName, role, installationIds } = member
  return {
    userId,
    email,
    name,
    language,
    tenantId,
    tenantName,
    role,
    installationIds,
    loginId: login.id,
  }
}
