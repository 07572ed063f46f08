/** An agent: its state, pairing, and the renewal of its token. */
import { type Static, Type } from 'typebox'
import { agentStatuses } from '../devices.ts'
import { sitePolicySchema } from '../site-policy.ts'
import { closed, id, name, nullable, time } from './fields.ts'

export const agentStateSchema = Type.Object({
  status: Type.Enum(agentStatuses),
  agentId: nullable(id),
  name: nullable(Type.String()),
  version: nullable(Type.String()),
  lastHeartbeatAt: nullable(time),
  externalIp: nullable(Type.String()),
  /** Since when the status holds. */
  since: nullable(time),
  /** As the agent stated at pairing what its site allows; null: everything. */
  policy: nullable(Type.Object({ rules: sitePolicySchema, digest: Type.String() })),
  /** `pairingExpiresAt` while a code is live, key thumbprint, and the last heartbeat's host facts. */
  metadata: Type.Record(Type.String(), Type.Unknown()),
})
export type AgentState = Static<typeof agentStateSchema>
export const pairingCodeSchema = Type.Object({ code: Type.String(), expiresAt: time })
export type PairingCode = Static<typeof pairingCodeSchema>
/** Closed: a private part does not belong here. */
const okpKey = (crv: string) =>
  Type.Object(
    {
      kty: Type.Literal('OKP'),
      crv: Type.Literal(crv),
      x: Type.String({ pattern: '^[\\w-]{43}$' }),
    },
    closed,
  )
export const pairBody = Type.Object(
  {
    /** 8 symbols, dashes and case ignored. */
    code: Type.String({ maxLength: 16 }),
    publicKey: okpKey('Ed25519'),
    /** X25519 key to which device credentials are sealed; without it the agent gets none. */
    encryptionKey: Type.Optional(okpKey('X25519')),
    hostname: Type.String({ minLength: 1, maxLength: 200 }),
    name: Type.Optional(name),
    version: Type.Optional(Type.String({ maxLength: 40 })),
    os: Type.Optional(Type.String({ maxLength: 200 })),
    /** What the site allows, and the agent's signature under it. */
    policy: Type.Optional(sitePolicySchema),
    policyProof: Type.Optional(Type.String({ maxLength: 2_048 })),
  },
  closed,
)
export const agentTokenSchema = Type.Object({
  agentId: id,
  tenantId: id,
  installationId: id,
  token: Type.String(),
  expiresAt: time,
  endpoints: Type.Object({ wsUrl: Type.String(), apiUrl: Type.String() }),
  /** Ed25519 public keys (JWK) that sign commands and device lists. */
  serverKeys: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  /** Server clock, ms since 1970. */
  serverTime: Type.Number(),
})
export type AgentToken = Static<typeof agentTokenSchema>
/** `proof`: JWS with the agent's key, claims `proofClaimsSchema`. */
export const renewBody = Type.Object(
  { agentId: id, proof: Type.String({ maxLength: 2048 }) },
  closed,
)
