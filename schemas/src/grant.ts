/** What a session may do at one device: signed by the node, named by each request, checked at the agent (ADR 10, 14). */
import { type Static, Type } from 'typebox'
import { idPattern } from './ids.ts'

const id = Type.String({ pattern: idPattern })

/** `readonly`: only what `isReadOnly` lets through. */
export const sessionAccesses = ['full', 'readonly'] as const
export type SessionAccess = (typeof sessionAccesses)[number]

/** Who signs in to the device's own page: the person who opened it, or the agent with the registered credentials. */
export const signIns = ['person', 'agent'] as const

/** Payload of the Ed25519 JWS in a request's head. */
export const grantSchema = Type.Object(
  {
    tenantId: id,
    agentId: id,
    deviceId: id,
    /** Absent: one call by API. */
    sessionId: Type.Optional(id),
    access: Type.Enum(sessionAccesses),
    /** The agent signs the requests in. */
    signIn: Type.Boolean(),
    /** ms since 1970, server clock; no request begins later. */
    expiresAt: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
)
export type Grant = Static<typeof grantSchema>

/** The end of its signature, 132 bits that only the signer can make: what a request says once the agent has had the grant. */
export function grantName(jws: string): string {
  return jws.slice(-22)
}
