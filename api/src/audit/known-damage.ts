/** Which logs were found damaged, and where: durable, so that the next start writes nothing to them either. Killed before: it is found again. */
import type { DatabaseSync } from 'node:sqlite'

export type Damage = {
  readonly tenantId: string
  /** undefined: the hashes do not lead to the signature, and nobody knows since which event. */
  readonly logIndex: number | undefined
}

export class KnownDamage {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  all(): Damage[] {
    return this.#database
      .prepare('select * from damage')
      .all()
      .map(({ tenant, log_index: index }) => ({
        tenantId: String(tenant),
        logIndex: index === null ? undefined : Number(index),
      }))
  }

  /** The place that was found first stays. */
  remember({ tenantId, logIndex }: Damage): void {
    const sql = 'insert or ignore into damage values (?, ?)'
    this.#database.prepare(sql).run(tenantId, logIndex ?? null)
  }

  forget(tenantId: string): void {
    this.#database.prepare('delete from damage where tenant = ?').run(tenantId)
  }
}
