/**
 * Tokens of agents whose signature was found good. An agent shows the same one for each of its two connections and at
 * every dial within its hour; a check costs more than the rest of a greeting's rules. Only hashes are kept, and only
 * what cannot change is remembered: whoever asks still looks at time and revocation.
 */
import { putNewest } from '@travessia/schemas/newest'
import type { AgentClaims } from '@travessia/schemas/token-claims'
import { hashOf } from './secret.ts'

const maxKnown = 8_192

export class VerifiedTokens {
  readonly #verify: (token: string) => Promise<AgentClaims>
  /** By hash, the oldest first; also while the check is under way. */
  readonly #known = new Map<string, Promise<AgentClaims>>()

  /** @param verify rejects: the token is not remembered */
  constructor(verify: (token: string) => Promise<AgentClaims>) {
    this.#verify = verify
  }

  /** What was signed; its time may be over. */
  claimsOf(token: string): Promise<AgentClaims> {
    const hash = hashOf(token)
    const known = this.#known.get(hash)
    if (known) return known
    const claims = this.#verify(token)
    putNewest(this.#known, [hash, claims], maxKnown)
    claims.catch(() => this.#known.delete(hash))
    return claims
  }
}
