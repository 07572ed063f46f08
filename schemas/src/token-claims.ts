/**
 * Claims of every JWT and JWS. Each kind has its own `typ` and audience and its own verifier: none is
 * accepted in place of another.
 */
import { type Static, Type } from 'typebox'
import { idPattern } from './ids.ts'

const id = Type.String({ pattern: idPattern })
const seconds = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const common = { iss: Type.Literal('travessia'), iat: seconds, exp: seconds, jti: id }

/** `typ`, audience and algorithm of each kind. RS256 keys are in the JWKS; Ed25519 keys are handed over at pairing. */
export const tokenKinds = {
  user: { typ: 'travessia-user+jwt', aud: 'travessia-api', alg: 'RS256' },
  agent: { typ: 'travessia-agent+jwt', aud: 'travessia-broker', alg: 'RS256' },
  node: { typ: 'travessia-node+jwt', aud: 'travessia-broker', alg: 'RS256' },
  command: { typ: 'travessia-command+jws', aud: 'travessia-agent', alg: 'EdDSA' },
  devices: { typ: 'travessia-devices+jws', aud: 'travessia-agent', alg: 'EdDSA' },
  discover: { typ: 'travessia-discover+jws', aud: 'travessia-agent', alg: 'EdDSA' },
  grant: { typ: 'travessia-grant+jws', aud: 'travessia-agent', alg: 'EdDSA' },
  /** Made by the agent with its own key to renew its token. */
  proof: { typ: 'travessia-proof+jwt', aud: 'travessia-api', alg: 'EdDSA' },
  /** Made by the agent with its own key at pairing: what its site allows. */
  policy: { typ: 'travessia-policy+jws', aud: 'travessia-api', alg: 'EdDSA' },
} as const

/** Bearer of the HTTP API. `sid` is the revocable sign-in that also stands behind the cookie. */
export const userClaimsSchema = Type.Object({
  ...common,
  aud: Type.Literal(tokenKinds.user.aud),
  sub: id,
  sid: id,
})
export type UserClaims = Static<typeof userClaimsSchema>

/** MQTT password of an agent: scoped tenant + installation + agent, bound to the agent's key (`cnf.jkt`, RFC 7800). */
export const agentClaimsSchema = Type.Object({
  ...common,
  aud: Type.Literal(tokenKinds.agent.aud),
  sub: id,
  tenantId: id,
  installationId: id,
  cnf: Type.Object({ jkt: Type.String({ minLength: 43, maxLength: 43 }) }),
})
export type AgentClaims = Static<typeof agentClaimsSchema>

/** MQTT password of an api node when the broker runs apart. */
export const nodeClaimsSchema = Type.Object({
  ...common,
  aud: Type.Literal(tokenKinds.node.aud),
  sub: id,
})

/** Proof of possession for a token renewal: signed by the agent, single use (`jti`), valid for a minute. */
export const proofClaimsSchema = Type.Object({
  iss: id,
  sub: id,
  aud: Type.Literal(tokenKinds.proof.aud),
  iat: seconds,
  exp: seconds,
  jti: id,
})
export type ProofClaims = Static<typeof proofClaimsSchema>
