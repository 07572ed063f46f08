/**
 * What each session may do at each device, as the node has signed it (ADR 10). A request without a grant for this
 * agent and its device, or after its time, is not served: whatever carried it here could have taken it away.
 */
import { check } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import { TravessiaError } from '@travessia/schemas/errors'
import { type Grant, grantSchema } from '@travessia/schemas/grant'
import { tokenKinds } from '@travessia/schemas/token-claims'
import type { RequestHead } from '@travessia/schemas/tunnel-frame'
import type { JWK } from 'jose'
import { openSigned } from './signed.ts'

const isGrant = compile(grantSchema)
/** This clock may run ahead of the server's by the way back of its answer. */
const leewayMs = 5_000
const maxKnown = 256

type Deps = {
  readonly agent: { readonly tenantId: string; readonly agentId: string }
  readonly serverKeys: readonly JWK[]
  /** ms since 1970; the best that is known. */
  readonly now: () => number
}

export class Grants {
  readonly #deps: Deps
  /** A session's many requests carry the same text: its signature is checked once. */
  readonly #known = new Map<string, Promise<Grant>>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** @throws TravessiaError GRANT_REFUSED */
  async of({ grant: jws, deviceId }: Pick<RequestHead, 'grant' | 'deviceId'>): Promise<Grant> {
    const grant = await this.#open(jws)
    const { tenantId, agentId } = this.#deps.agent
    const isOurs = grant.tenantId === tenantId && grant.agentId === agentId
    if (!isOurs || grant.deviceId !== deviceId) throw refused('addressee')
    if (this.#deps.now() > grant.expiresAt + leewayMs) throw refused('expired')
    return grant
  }

  #open(jws: string): Promise<Grant> {
    const known = this.#known.get(jws)
    if (known) return known
    const opening = this.#verified(jws)
    this.#known.set(jws, opening)
    opening.catch(() => this.#known.delete(jws))
    const [oldest] = this.#known.keys()
    if (this.#known.size > maxKnown && oldest !== undefined) this.#known.delete(oldest)
    return opening
  }

  async #verified(jws: string): Promise<Grant> {
    try {
      return check(isGrant, await openSigned(jws, tokenKinds.grant, this.#deps.serverKeys))
    } catch (cause) {
      throw new TravessiaError('GRANT_REFUSED', {}, { cause })
    }
  }
}

function refused(problem: string): TravessiaError {
  return new TravessiaError('GRANT_REFUSED', { problem })
}
