/** Which grants an agent has had in this epoch: each goes once, afterwards its name does (ADR 14). */
import { TravessiaError } from '@travessia/schemas/errors'
import { grantName } from '@travessia/schemas/grant'
import { ResetCode } from '@travessia/schemas/tunnel-frame'
import { StreamReset } from '@travessia/schemas/tunnel-stream'

/** As many as an agent keeps. */
const maxNames = 256

export class SentGrants {
  readonly #names = new Set<string>()

  /** What the next request says. */
  next(jws: string): string {
    const name = grantName(jws)
    if (this.#names.has(name)) return name
    this.#names.add(name)
    const [oldest] = this.#names
    if (this.#names.size > maxNames && oldest !== undefined) this.#names.delete(oldest)
    return jws
  }
}

/** The agent did nothing: it has no grant of that name (any more). */
export function isUnknownGrant(error: unknown): boolean {
  const { cause } = error instanceof TravessiaError ? error : {}
  return cause instanceof StreamReset && cause.code === ResetCode.grantUnknown
}
