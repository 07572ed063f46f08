/** Tokens of agents: issued at pairing, renewed by proof of possession, refused once revoked. */
import type { Credential } from '@travessia/broker/principal'
import { check } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import { TravessiaError } from '@travessia/schemas/errors'
import { type ProofClaims, proofClaimsSchema, tokenKinds } from '@travessia/schemas/token-claims'
import { calculateJwkThumbprint, importJWK, jwtVerify } from 'jose'
import type { AgentKeys, Pairing } from './pairing.ts'
import { clockToleranceSeconds, type Tokens } from './tokens.ts'
import { VerifiedTokens } from './verified-tokens.ts'

const maxProofAgeSeconds = 120
const isProof = compile(proofClaimsSchema)

type Deps = { readonly pairing: Pairing; readonly tokens: Tokens; readonly now: () => number }

export class AgentCredentials {
  readonly #deps: Deps
  readonly #verified: VerifiedTokens

  constructor(deps: Deps) {
    this.#deps = deps
    this.#verified = new VerifiedTokens((token) => deps.tokens.verifyAgentToken(token))
  }

  async issue(keys: AgentKeys): Promise<{ token: string; expiresAt: string }> {
    const { agentId, tenantId, installationId, publicKey } = keys
    const jkt = await calculateJwkThumbprint(publicKey)
    return this.#deps.tokens.issueAgentToken(agentId, { tenantId, installationId, cnf: { jkt } })
  }

  /** @throws TravessiaError AGENT_REVOKED, TOKEN_INVALID (wrong key, old, or used before) */
  async renew(
    agentId: string,
    proof: string,
  ): Promise<{ keys: AgentKeys; token: string; expiresAt: string }> {
    const keys = this.#deps.pairing.keysOf(agentId)
    if (!keys || keys.isRevoked) throw new TravessiaError('AGENT_REVOKED')
    const { iat, jti } = await this.#verifyProof(keys, proof)
    // For as long as it would be taken: its age and the tolerance for the agent's clock.
    const usedUntil = (iat + 2 * maxProofAgeSeconds + 1) * 1000
    if (!this.#deps.pairing.useProof(jti, usedUntil)) throw new TravessiaError('TOKEN_INVALID')
    return { keys, ...(await this.issue(keys)) }
  }

  /** What the broker asks at each connection. @throws TravessiaError TOKEN_INVALID, TOKEN_EXPIRED, AGENT_REVOKED */
  async verify(token: string): Promise<Credential> {
    const { sub: agentId, tenantId, iat, exp } = await this.#verified.claimsOf(token)
    if ((exp + clockToleranceSeconds) * 1000 <= this.#deps.now())
      throw new TravessiaError('TOKEN_EXPIRED')
    const keys = this.#deps.pairing.keysOf(agentId)
    if (!keys || keys.isRevoked) throw new TravessiaError('AGENT_REVOKED')
    if (iat * 1000 < keys.tokenNotBefore - 999) throw new TravessiaError('TOKEN_EXPIRED')
    if (keys.tenantId !== tenantId) throw new TravessiaError('TOKEN_INVALID')
    return { kind: 'agent', tenantId, agentId, expiresAt: exp * 1000 }
  }

  async #verifyProof({ agentId, publicKey }: AgentKeys, proof: string): Promise<ProofClaims> {
    const { alg, typ, aud } = tokenKinds.proof
    try {
      const key = await importJWK(publicKey, alg)
      const { payload } = await jwtVerify(proof, key, {
        ...{ algorithms: [alg], typ, issuer: agentId, subject: agentId, audience: aud },
        ...{ maxTokenAge: maxProofAgeSeconds, clockTolerance: maxProofAgeSeconds },
        currentDate: new Date(this.#deps.now()),
      })
      return check(isProof, payload)
    } catch (cause) {
      throw new TravessiaError('TOKEN_INVALID', {}, { cause })
    }
  }
}
