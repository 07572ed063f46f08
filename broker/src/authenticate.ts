/**
 * Credential → principal. The client ids of an agent are exactly `{agentId}` (control, persistent session)
 * and `{agentId}-d` (data, clean session); anything else is refused before a session is loaded or another
 * connection is closed (THREATS B1).
 */
import { isId } from '@travessia/schemas/ids'
import type { Credential, Principal } from './principal.ts'

export type Hello = {
  readonly clientId: string
  readonly username: string
  readonly clean: boolean
}

/** The principal of a connection; `undefined`: the ids do not follow from the credential. */
export function principalOf(credential: Credential, hello: Hello): Principal | undefined {
  const { clientId, username, clean } = hello
  if (credential.kind === 'node') {
    const isOwn = clientId === credential.nodeId && username === clientId && clean
    return isOwn && isId(clientId) ? credential : undefined
  }
  const { agentId, tenantId } = credential
  if (username !== agentId || !isId(agentId) || !isId(tenantId)) return undefined
  if (clientId === agentId && !clean) return { ...credential, connection: 'control' }
  if (clientId === `${agentId}-d` && clean) return { ...credential, connection: 'data' }
  return undefined
}
