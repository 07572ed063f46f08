import type { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import { noPolicy, type PolicyState } from '../domain/policy.ts'
import { Table, text, type View } from './view.ts'

/** What each tenant's administrators want to hold. */
export class PoliciesView implements View {
  readonly #table: Table

  constructor(database: DatabaseSync) {
    this.#table = new Table(database, 'policy', 'tenant text primary key, policy text')
  }

  apply(event: RecordedEvent): void {
    if (event.type !== 'PolicyChanged') return
    const sql = 'insert or replace into policy values (?, ?)'
    this.#table.run(sql, event.tenantId, JSON.stringify(event.data))
  }

  clear(): void {
    this.#table.clear()
  }

  async get(tenantId: string): Promise<PolicyState> {
    const row = this.#table.get('select policy from policy where tenant = ?', tenantId)
    return row ? (JSON.parse(text(row['policy'])) as PolicyState) : noPolicy
  }
}
