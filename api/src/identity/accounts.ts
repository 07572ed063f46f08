/** Registering, signing in and out, and giving roles. The log knows who may do what; passwords are beside it. */
import type { SignedIn, User } from '@travessia/schemas/api'
import type { Role } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import type { AccessFact, EventContext } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { recordUnlessDamaged, unlessDamaged } from '../audit/damaged-log.ts'
import { type AccessIntent, access } from '../domain/access.ts'
import { handle } from '../domain/decider.ts'
import { eventContext } from '../event-context.ts'
import { load } from '../plugins/authentication.ts'
import type { Principal } from '../plugins/principal.ts'
import { present } from '../present.ts'
import type { Services } from '../services.ts'
import type { Append } from '../store/event-store.ts'
import { type Attempts, networkOf } from './attempts.ts'
import { hashPassword, requireStrong, verifyPassword } from './passwords.ts'

export type Caller = { readonly clientIp: string; readonly correlationId: string }
type NewUser = {
  readonly email: string
  readonly password: string
  readonly name: string
  readonly tenantId: string
  readonly role: Role
  readonly installationIds: readonly string[] | null
  /** Founds the tenant. */
  readonly tenantName?: string
}

/** @throws TravessiaError EMAIL_TAKEN, PASSWORD_WEAK, STORE_UNAVAILABLE */
export async function addUser(
  services: Services,
  user: NewUser,
  context: EventContext | Caller,
): Promise<string> {
  const { email, password, name, tenantId, role, installationIds, tenantName } = user
  requireStrong(password, email)
  await dropOrphan(services, email)
  const id = newId()
  const hash = await hashPassword(password)
  services.users.add({ id, tenantId, email, name, language: 'pt-BR', password: hash })
  const scope = installationIds ? { installationIds: [...installationIds] } : {}
  try {
    await recordAccess(services, {
      ...{ tenantId, userId: id },
      intent: {
        ...{ type: 'RegisterUser', name, grant: { userId: id, role, ...scope } },
        ...present({ tenantName }),
      },
      context:
        'actor' in context ? context : eventContext({ type: 'user', id }, services.now(), context),
    })
  } catch (error) {
    services.users.remove(id)
    throw error
  }
  return id
}

/**
 * Counted before the slow check, so that a thousand guesses at once are not one; what was not checked is none.
 * @throws TravessiaError RATE_LIMITED, NODE_BUSY
 */
async function isRightGuess(
  counts: ReadonlyArray<readonly [Attempts, string]>,
  password: string,
  stored: string | undefined,
): Promise<boolean> {
  for (const [attempts, key] of counts) attempts.require(key)
  for (const [attempts, key] of counts) attempts.failed(key)
  return verifyPassword(password, stored).catch((error: unknown) => {
    for (const [attempts, key] of counts) attempts.forgive(key)
    throw error
  })
}

/**
 * Same answer and same time whether the account exists or not.
 * @throws TravessiaError CREDENTIALS_INVALID, RATE_LIMITED, NODE_BUSY
 */
export async function signIn(
  services: Services,
  { email, password, caller }: { email: string; password: string; caller: Caller },
): Promise<{ signedIn: SignedIn; secret: string }> {
  const { signInAttempts, accountAttempts, addressAttempts } = services
  const account = email.trim().toLowerCase()
  const address = networkOf(caller.clientIp)
  const pair = `${account} ${address}`
  const counts = [
    [signInAttempts, pair],
    [accountAttempts, account],
  ] as const
  addressAttempts.require(address)
  const user = services.users.byEmail(email)
  const isRight = await isRightGuess(counts, password, user?.password)
  if (!user || !isRight || user.isDisabled) {
    // Not before: an office signs in at once, from one address. Guesses under way are as many as may wait (`passwords.ts`).
    addressAttempts.failed(address)
    // Not waited for: the time it takes, or its failure, would say that the account exists.
    if (user)
      services.store
        .append(
          noteOf(services, user, caller, {
            type: 'SignInFailed',
            data: { userId: user.id, clientIp: caller.clientIp },
          }),
        )
        .catch((error: unknown) =>
          services.log.error({ err: error, userId: user.id }, 'refused sign-in not recorded'),
        )
    throw new TravessiaError('CREDENTIALS_INVALID')
  }
  signInAttempts.succeeded(pair)
  accountAttempts.forgive(account)
  const fact = {
    type: 'UserSignedIn',
    data: { userId: user.id, clientIp: caller.clientIp },
  } as const
  await recordUnlessDamaged(services, noteOf(services, user, caller, fact))
  const { login, secret } = services.logins.start(user.id)
  const principal = await load(services, login)
  const token = await services.tokens.issueUserToken(user.id, login.id)
  return { signedIn: { ...token, user: toUser(principal) }, secret }
}

/**
 * The sign-ins everywhere else end with the old password, and all remote sessions: nobody knows which sign-in opened them.
 * @throws TravessiaError CREDENTIALS_INVALID (the old one is wrong), PASSWORD_WEAK, RATE_LIMITED, NODE_BUSY
 */
export async function changePassword(
  services: Services,
  principal: Principal,
  change: { password: string; newPassword: string; caller: Caller },
): Promise<void> {
  const { userId, tenantId, email, loginId } = principal
  const own = `own ${userId}`
  const stored = services.users.get(userId)?.password
  const isRight = await isRightGuess([[services.signInAttempts, own]], change.password, stored)
  if (!isRight) throw new TravessiaError('CREDENTIALS_INVALID')
  services.signInAttempts.succeeded(own)
  requireStrong(change.newPassword, email)
  services.users.setPassword(userId, await hashPassword(change.newPassword))
  services.logins.endOthersOf(userId, loginId)
  const fact = { type: 'PasswordChanged', data: { userId } } as const
  await Promise.all([
    services.store.append(noteOf(services, { id: userId, tenantId }, change.caller, fact)),
    services.sessions.revokeWhere((session) => session.userId === userId, 'password-changed'),
  ])
}

/** The remote sessions of this sign-in end with it, and those of which nobody knows any more which one opened them. */
export async function signOut(
  services: Services,
  principal: Principal,
  caller: Caller,
): Promise<void> {
  const { userId, tenantId, loginId } = principal
  services.logins.end(loginId)
  const fact = { type: 'UserSignedOut', data: { userId } } as const
  await Promise.all([
    recordUnlessDamaged(services, noteOf(services, { id: userId, tenantId }, caller, fact)),
    unlessDamaged(services.log, { tenantId, userId }, () =>
      services.sessions.revokeWhere(
        (session) => session.userId === userId && (session.loginId ?? loginId) === loginId,
        'signed-out',
      ),
    ),
  ])
}

export async function recordAccess(
  { store, views }: Pick<Services, 'store' | 'views'>,
  what: { tenantId: string; userId: string; intent: AccessIntent; context: EventContext },
): Promise<void> {
  const { tenantId, userId, intent, context } = what
  const stream = { tenantId, streamKind: 'access', streamId: userId } as const
  const { position } = await handle(store, access, stream, intent, context)
  await views.until(position)
}

export function toUser(principal: Principal): User {
  const {
    userId: id,
    email,
    name,
    role,
    tenantId,
    tenantName,
    installationIds,
    language,
  } = principal
  const scope = installationIds === null ? null : [...installationIds]
  return { id, email, name, role, tenantId, tenantName, installationIds: scope, language }
}

/** A registration that was cut off before it reached the log does not keep the address. */
async function dropOrphan({ users, views }: Services, email: string): Promise<void> {
  const user = users.byEmail(email)
  if (user && !(await views.members.get(user.id, user.tenantId)) && !user.isDisabled)
    users.remove(user.id)
}

function noteOf(
  services: Services,
  { id, tenantId }: { readonly id: string; readonly tenantId: string },
  caller: Caller,
  fact: AccessFact,
): Append {
  return {
    ...{ tenantId, streamKind: 'access', streamId: id, expected: 'any' },
    events: [{ ...eventContext({ type: 'user', id }, services.now(), caller), ...fact }],
  }
}
