/** Who asks, from the credential alone, and what they may see. */

import type { Role } from '@travessia/schemas/devices'
import type { Language } from '@travessia/schemas/errors'

export type Principal = {
  readonly userId: string
  readonly email: string
  readonly name: string
  readonly language: Language
  readonly tenantId: string
  readonly tenantName: string
  readonly role: Role
  /** null: all installations of the tenant. */
  readonly installationIds: readonly string[] | null
  readonly loginId: string
}

/** What a route needs; no permission is no route. */
export type Permission = 'public' | 'read' | 'operate' | 'manage' | 'administer' | 'audit'

const permitted: Readonly<Record<Exclude<Permission, 'public'>, readonly Role[]>> = {
  read: ['admin', 'manager', 'operator', 'auditor'],
  operate: ['admin', 'manager', 'operator'],
  manage: ['admin', 'manager'],
  administer: ['admin'],
  audit: ['admin', 'manager', 'auditor'],
}

export function may(role: Role, permission: Permission): boolean {
  return permission === 'public' || permitted[permission].includes(role)
}

export function maySee(
  principal: Pick<Principal, 'installationIds'>,
  installationId: string | undefined,
): boolean {
  const { installationIds } = principal
  return (
    installationIds === null ||
    (installationId !== undefined && installationIds.includes(installationId))
  )
}

/** Of whoever asked for something that is done later, or has something open. */
export function mayOperate(
  member: Pick<Principal, 'role' | 'installationIds'> & { readonly isSuspended: boolean },
  installationId: string,
): boolean {
  return !member.isSuspended && may(member.role, 'operate') && maySee(member, installationId)
}
