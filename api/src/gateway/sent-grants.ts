/** Which grants an agent has had in this epoch: each goes once, afterwards its name does (ADR 14). */
import { grantName } from '@travessia/schemas/grant'

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
