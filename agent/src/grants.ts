/**
 * What each session may do at each device, as the node has signed it (ADR 10). A request without a grant for this
 * agent and its device, or after its time, is not served: whatever carried it here could have taken it away. A grant
 * comes once; later requests name it, and a name that is not known is said to be so.
 */
import { check } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import { TravessiaError } from '@travessia/schemas/errors'
import { type Grant, grantName, grantSchema } from '@travessia/schemas/grant'
import { putNewest } from '@travessia/schemas/newest'
import { tokenKinds } from '@travessia/schemas/token-claims'
import { ResetCode } from '@travessia/schemas/tunnel-frame'
import type { RequestHead } from '@travessia/schemas/tunnel-head'
import { StreamReset } from '@travessia/schemas/tunnel-stream'
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

type Known = {
  readonly jws: string
  readonly opening: Promise<Grant>
  /** Once its signature has been checked: who asks then need not wait. */
  opened?: Grant
}

export class Grants {
  readonly #deps: Deps
  /** By name, the oldest first: a session's many requests mean the same text, whose signature is checked once. */
  readonly #known = new Map<string, Known>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** @throws TravessiaError GRANT_REFUSED. @throws StreamReset grantUnknown */
  of({ grant: said, deviceId }: Pick<RequestHead, 'grant' | 'deviceId'>): Grant | Promise<Grant> {
    const { opened, opening } = this.#open(said)
    if (opened) return this.#usable(opened, deviceId)
    return opening.then((grant) => this.#usable(grant, deviceId))
  }

  #usable(grant: Grant, deviceId: string): Grant {
    const { tenantId, agentId } = this.#deps.agent
    const isOurs = grant.tenantId === tenantId && grant.agentId === agentId
    if (!isOurs || grant.deviceId !== deviceId) throw refused('addressee')
    if (this.#deps.now() > grant.expiresAt + leewayMs) throw refused('expired')
    return grant
  }

  #open(said: string): Known {
    const name = grantName(said)
    const isName = !said.includes('.')
    const known = this.#known.get(name)
    if (known && (isName || said === known.jws)) return known
    if (isName) throw new StreamReset(ResetCode.grantUnknown, 'no grant of that name')
    const fresh: Known = { jws: said, opening: this.#verified(said) }
    putNewest(this.#known, [name, fresh], maxKnown)
    fresh.opening.then(
      (grant) => {
        fresh.opened = grant
      },
      () => this.#known.delete(name),
    )
    return fresh
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
