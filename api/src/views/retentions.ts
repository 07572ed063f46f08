import type { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import { Table, text, type View } from './view.ts'

/** Customers whose audit is not kept for ever. */
export class RetentionsView implements View {
  readonly #table: Table

  constructor(database: DatabaseSync) {
    this.#table = new Table(database, 'retention', 'tenant text primary key')
  }

  apply({ tenantId, ...event }: RecordedEvent): void {
    if (event.type !== 'RetentionChanged') return
    const sql =
      event.data.days === null
        ? 'delete from retention where tenant = ?'
        : 'insert or replace into retention values (?)'
    this.#table.run(sql, tenantId)
  }

  clear(): void {
    this.#table.clear()
  }

  async tenants(): Promise<string[]> {
    return this.#table.all('select tenant from retention').map((row) => text(row['tenant']))
  }
}
