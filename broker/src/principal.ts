/** Who is connected: derived from the credential alone, never from what the client says of itself. */
import type { AgentAddress } from '@travessia/schemas/topics'

export type AgentPrincipal = AgentAddress & {
  readonly kind: 'agent'
  readonly connection: 'control' | 'data'
  /** ms since 1970; the connection ends then. */
  readonly expiresAt: number
}
type NodePrincipal = {
  readonly kind: 'node'
  readonly nodeId: string
  readonly expiresAt: number
}
export type Principal = AgentPrincipal | NodePrincipal

/** What a valid credential says. */
export type Credential =
  | (AgentAddress & { readonly kind: 'agent'; readonly expiresAt: number })
  | { readonly kind: 'node'; readonly nodeId: string; readonly expiresAt: number }

/** @throws TravessiaError for a token that is invalid, expired or revoked */
export type VerifyCredential = (token: string) => Promise<Credential>
