/**
 * Since when the tokens of an agent count no more. On disk before its connections end, so a broker that was killed
 * still refuses it.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Far longer than a token of an agent lives. */
const keptMs = 7 * 24 * 3_600_000

export class RevokedAgents {
  readonly #path: string
  readonly #now: () => number
  readonly #since: Map<string, number>

  /** @throws when the file is there and cannot be read: nobody would know who is refused */
  constructor(dataDir: string, now: () => number) {
    mkdirSync(dataDir, { recursive: true })
    this.#path = join(dataDir, 'revoked-agents.json')
    this.#now = now
    this.#since = new Map(read(this.#path))
  }

  at(agentId: string): number | undefined {
    return this.#since.get(agentId)
  }

  /** @returns false: that was known already */
  add(agentId: string, at: number): boolean {
    if (at <= (this.at(agentId) ?? -1)) return false
    this.#since.set(agentId, at)
    for (const [id, since] of this.#since) {
      if (since < this.#now() - keptMs) this.#since.delete(id)
    }
    const temporary = `${this.#path}.new`
    writeFileSync(temporary, JSON.stringify([...this.#since]), { flush: true })
    renameSync(temporary, this.#path)
    return true
  }
}

function read(path: string): Array<[string, number]> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Array<[string, number]>
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
