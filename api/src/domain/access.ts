/** A person's place in a tenant: registered, given a role, losing it, erased. One stream per user. */
import type { Role } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import type { AccessFact, Fact } from '@travessia/schemas/events'
import type { Decider } from './decider.ts'

type AccessState = { readonly role: Role | undefined; readonly isErased?: true }
type Grant = Fact<'RoleGranted'>['data']

export type AccessIntent =
  /** `tenantName`: the tenant is founded with this first user. */
  | {
      readonly type: 'RegisterUser'
      readonly name: string
      readonly grant: Grant
      readonly tenantName?: string
    }
  /** `isLastAdmin`: nobody else could manage all users afterwards. */
  | { readonly type: 'GrantRole'; readonly grant: Grant; readonly isLastAdmin: boolean }
  | { readonly type: 'SuspendAccess' | 'RestoreAccess'; readonly userId: string }
  | {
      readonly type: 'RevokeRole' | 'EraseSubject'
      readonly userId: string
      readonly isLastAdmin: boolean
    }

export const access: Decider<AccessState, AccessIntent, AccessFact> = {
  initialState: { role: undefined },

  decide(intent, state) {
    switch (intent.type) {
      case 'RegisterUser': {
        const { grant, name, tenantName } = intent
        const founded: AccessFact[] =
          tenantName === undefined ? [] : [{ type: 'TenantCreated', data: { name: tenantName } }]
        return [
          ...founded,
          { type: 'UserRegistered', data: { userId: grant.userId, name } },
          { type: 'RoleGranted', data: grant },
        ]
      }
      case 'GrantRole':
        if (state.isErased) throw new TravessiaError('CONFLICT')
        if (intent.isLastAdmin && !isWideAdmin(intent.grant)) throw new TravessiaError('LAST_ADMIN')
        return [{ type: 'RoleGranted', data: intent.grant }]
      case 'RevokeRole':
        if (state.role === undefined) return []
        if (intent.isLastAdmin) throw new TravessiaError('LAST_ADMIN')
        return [{ type: 'RoleRevoked', data: { userId: intent.userId } }]
      case 'SuspendAccess':
        return [{ type: 'AccessSuspended', data: { userId: intent.userId } }]
      case 'RestoreAccess':
        return [{ type: 'AccessRestored', data: { userId: intent.userId } }]
      case 'EraseSubject':
        return erase(intent, state)
    }
  },

  evolve(state, fact) {
    switch (fact.type) {
      case 'RoleGranted':
        return { role: fact.data.role }
      case 'RoleRevoked':
        return { role: undefined }
      case 'SubjectErased':
        return { role: undefined, isErased: true }
      case 'TenantCreated':
      case 'UserRegistered':
      case 'UserSignedIn':
      case 'SignInFailed':
      case 'UserSignedOut':
      case 'PasswordChanged':
      case 'AccessDenied':
      case 'AccessSuspended':
      case 'AccessRestored':
        return state
    }
  },
}

function isWideAdmin({ role, installationIds }: Grant): boolean {
  return role === 'admin' && installationIds === undefined
}

function erase(
  { userId, isLastAdmin }: { readonly userId: string; readonly isLastAdmin: boolean },
  { role, isErased }: AccessState,
): AccessFact[] {
  if (isErased) return []
  if (isLastAdmin) throw new TravessiaError('LAST_ADMIN')
  const revoked: AccessFact[] =
    role === undefined ? [] : [{ type: 'RoleRevoked', data: { userId } }]
  return [...revoked, { type: 'SubjectErased', data: { userId } }]
}
