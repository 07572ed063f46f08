/** Register, sign in and out, people and their roles. */
import {
  changeMeBody,
  changePasswordBody,
  changeUserBody,
  createUserBody,
  eraseUserBody,
  loginBody,
  registerBody,
  signedInSchema,
  type User,
  userList,
  userSchema,
} from '@travessia/schemas/api/accounts'
import { idParams } from '@travessia/schemas/api/fields'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { AccessIntent } from '../domain/access.ts'
import {
  addUser,
  type Caller,
  changePassword,
  recordAccess,
  signIn,
  signOut,
  toUser,
} from '../identity/accounts.ts'
import { networkOf } from '../identity/attempts.ts'
import { eraseSubject } from '../identity/erasure.ts'
import { cookieName, loginSeconds } from '../identity/logins.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { namedOf } from '../plugins/authorization.ts'
import type { Principal } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import type { MemberRow } from '../views/members.ts'
import { type App, answers, contextOf } from './route.ts'

const cookieOptions = { path: '/', httpOnly: true, secure: true, sameSite: 'lax' } as const

export function addAccountRoutes(app: App, services: Services): void {
  app.post(
    '/api/auth/register',
    {
      config: { permission: 'public' },
      schema: { body: registerBody, response: answers({ 201: signedInSchema }) },
    },
    async (request, reply) => {
      const {
        email,
        password,
        name = email.split('@')[0] ?? email,
        tenantName = name,
      } = request.body
      if (services.registration === 'closed') throw new TravessiaError('REGISTRATION_CLOSED')
      const registrations = `register ${networkOf(request.ip)}`
      services.addressAttempts.require(registrations)
      services.addressAttempts.failed(registrations)
      const founder = {
        email,
        password,
        name,
        tenantName,
        tenantId: newId(),
        role: 'admin',
        installationIds: null,
      } as const
      await addUser(services, founder, callerOf(request))
      reply.code(201)
      return enter(reply, await signIn(services, { email, password, caller: callerOf(request) }))
    },
  )
  app.post(
    '/api/auth/login',
    {
      config: { permission: 'public' },
      schema: { body: loginBody, response: answers({ 200: signedInSchema }) },
    },
    async (request, reply) => {
      const { email, password } = request.body
      return enter(reply, await signIn(services, { email, password, caller: callerOf(request) }))
    },
  )
  app.post(
    '/api/auth/logout',
    { config: { permission: 'read' }, schema: { response: answers({ 204: Type.Null() }) } },
    async (request, reply) => {
      await signOut(services, requirePrincipal(request), callerOf(request))
      return reply.clearCookie(cookieName, cookieOptions).code(204).send(null)
    },
  )
  addProfileRoutes(app, services)
  addPasswordRoute(app, services)
  addUserRoutes(app, services)
  addErasureRoute(app, services)
}

function addProfileRoutes(app: App, services: Services): void {
  app.get(
    '/api/auth/me',
    { config: { permission: 'read' }, schema: { response: answers({ 200: userSchema }) } },
    async (request) => toUser(requirePrincipal(request)),
  )
  app.patch(
    '/api/auth/me',
    {
      config: { permission: 'read' },
      schema: { body: changeMeBody, response: answers({ 200: userSchema }) },
    },
    async (request) => {
      const principal = requirePrincipal(request)
      services.users.change(principal.userId, request.body)
      return { ...toUser(principal), ...request.body }
    },
  )
}

function addPasswordRoute(app: App, services: Services): void {
  app.post(
    '/api/auth/password',
    {
      config: { permission: 'read' },
      schema: { body: changePasswordBody, response: answers({ 204: Type.Null() }) },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      await changePassword(services, requirePrincipal(request), { ...request.body, caller })
      return reply.code(204).send(null)
    },
  )
}

function addUserRoutes(app: App, services: Services): void {
  const config = { permission: 'administer' } as const
  app.get(
    '/api/users',
    { config, schema: { response: answers({ 200: userList }) } },
    async (request) => {
      const members = await services.views.members.list(requirePrincipal(request).tenantId)
      return { items: members.flatMap((member) => toListed(services, member)) }
    },
  )
  app.post(
    '/api/users',
    {
      config,
      schema: { body: createUserBody, response: answers({ 201: userSchema }) },
    },
    async (request, reply) => {
      const { tenantId } = requirePrincipal(request)
      const { installationIds = null, ...person } = request.body
      requireWithin(requirePrincipal(request), installationIds)
      await requireInstallations(services, tenantId, installationIds)
      const user = { ...person, tenantId, installationIds }
      const id = await addUser(services, user, contextOf(services, request))
      reply.code(201)
      return one(services, tenantId, id)
    },
  )
  app.patch(
    '/api/users/:id',
    {
      config: { ...config, scope: 'member' },
      schema: { params: idParams, body: changeUserBody, response: answers({ 200: userSchema }) },
    },
    async (request) => {
      const { tenantId, userId } = namedOf(request, 'member')
      await services.inTurn(tenantId, async () => {
        const member = await services.views.members.get(userId, tenantId)
        if (!member) throw new TravessiaError('NOT_FOUND')
        await changeUser(services, request, { member, ...request.body })
      })
      return one(services, tenantId, userId)
    },
  )
}

function addErasureRoute(app: App, services: Services): void {
  app.post(
    '/api/users/:id/erase',
    {
      config: { permission: 'administer', scope: 'member' },
      schema: { params: idParams, body: eraseUserBody, response: answers({ 204: Type.Null() }) },
    },
    async (request, reply) => {
      const member = namedOf(request, 'member')
      requireWithin(requirePrincipal(request), member.installationIds)
      if (!request.body.confirm) throw new TravessiaError('CONFIRMATION_REQUIRED')
      const context = contextOf(services, request)
      await services.inTurn(member.tenantId, async () => {
        const { tenantId, userId } = member
        if (await services.retention.keepsOf(tenantId, userId))
          throw new TravessiaError('LEGAL_HOLD')
        const isLastAdmin = await isOnlyAdmin(services, member)
        await eraseSubject(services, { ...member, isLastAdmin, context })
      })
      return reply.code(204).send(null)
    },
  )
}

type Change = {
  readonly member: MemberRow
  readonly role?: MemberRow['role']
  readonly installationIds?: readonly string[] | null
  readonly disabled?: boolean
}

async function changeUser(
  services: Services,
  request: FastifyRequest,
  change: Change,
): Promise<void> {
  const { member, role = member.role, disabled } = change
  const { installationIds = member.installationIds } = change
  const { tenantId, userId } = member
  for (const ids of [member.installationIds, installationIds])
    requireWithin(requirePrincipal(request), ids)
  await requireInstallations(services, tenantId, installationIds)
  const isLastAdmin = await isOnlyAdmin(services, member)
  if (isLastAdmin && disabled) throw new TravessiaError('LAST_ADMIN')
  const scope = installationIds ? { installationIds: [...installationIds] } : {}
  const grant = { userId, role, ...scope }
  const context = contextOf(services, request)
  const record = (intent: AccessIntent) =>
    recordAccess(services, { tenantId, userId, intent, context })
  if (change.role !== undefined || change.installationIds !== undefined)
    await record({ type: 'GrantRole', grant, isLastAdmin })
  if (disabled === undefined) return
  // Killed after the fact, the account does not know it yet: the same word again does the rest.
  if (disabled !== member.isSuspended)
    await record({ type: disabled ? 'SuspendAccess' : 'RestoreAccess', userId })
  services.users.setDisabled(userId, disabled)
  if (!disabled) return
  services.logins.endAllOf(userId)
  await services.sessions.revokeWhere((session) => session.userId === userId, 'access-changed')
}

/** Of all installations: who is narrowed to some cannot make another such. */
async function isOnlyAdmin(
  { users, views }: Services,
  { tenantId, userId }: MemberRow,
): Promise<boolean> {
  const admins = (await views.members.list(tenantId)).filter(
    (one) =>
      one.role === 'admin' &&
      one.installationIds === null &&
      !one.isSuspended &&
      users.get(one.userId)?.isDisabled === false,
  )
  return admins.length === 1 && admins[0]?.userId === userId
}

/** Nobody gives more than they have. @throws TravessiaError PERMISSION_DENIED */
function requireWithin(
  { installationIds: own }: Principal,
  wanted: readonly string[] | null,
): void {
  if (own !== null && (wanted === null || wanted.some((id) => !own.includes(id))))
    throw new TravessiaError('PERMISSION_DENIED')
}

async function requireInstallations(
  { views }: Services,
  tenantId: string,
  ids: readonly string[] | null,
): Promise<void> {
  for (const id of ids ?? [])
    if (!(await views.installations.get(tenantId, id)))
      throw new TravessiaError('MESSAGE_INVALID', { at: '/installationIds' })
}

async function one(services: Services, tenantId: string, userId: string): Promise<User> {
  const member = await services.views.members.get(userId, tenantId)
  const [user] = member ? toListed(services, member) : []
  if (!user) throw new TravessiaError('NOT_FOUND')
  return user
}

function toListed({ users }: Services, member: MemberRow): User[] {
  const user = users.get(member.userId)
  return user ? [toUser({ ...user, ...member, loginId: '' })] : []
}

function enter(reply: FastifyReply, { signedIn, secret }: Awaited<ReturnType<typeof signIn>>) {
  reply.setCookie(cookieName, secret, { ...cookieOptions, maxAge: loginSeconds })
  return signedIn
}

export function callerOf(request: FastifyRequest): Caller {
  return { clientIp: request.ip, correlationId: request.id }
}
