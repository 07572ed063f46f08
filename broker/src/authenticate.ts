/**
 * Credential → principal. The client ids of an agent are exactly `{agentId}` (control, persistent session)
 * and `{agentId}-d` (data, clean session); anything else is refused before a session is loaded or another
 * connection is closed.
 */
import { isId } from '@travessia/schemas/ids'
import { willPayload } from '@travessia/schemas/reports'
import { formatTopic } from '@travessia/schemas/topics'
import type { Credential, Principal } from './principal.ts'

export type Will = {
  readonly topic: string
  readonly payload: string | Uint8Array
  readonly qos?: number
  readonly retain?: boolean
}

/** What a client says of itself in CONNECT. */
export type Hello = {
  readonly clientId: string
  readonly username: string
  readonly clean: boolean
  readonly will?: Will | undefined
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

/** A last will is allowed on the own status topic of the control connection, with one fixed payload. */
export function isOwnWill(principal: Principal, will: Will): boolean {
  if (principal.kind !== 'agent' || principal.connection !== 'control') return false
  const { tenantId, agentId } = principal
  return (
    will.topic === formatTopic({ tenantId, agentId, channel: 'status' }) &&
    Buffer.from(will.payload).toString() === willPayload &&
    will.qos === 1 &&
    !will.retain
  )
}
