import type { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import { Table, text, type View } from './view.ts'

export type Erased = { readonly tenantId: string; readonly userId: string }

/** Who was erased: a start finishes what was begun, a bundle says whose bodies it cannot have. */
export class ErasuresView implements View {
  readonly #table: Table

  constructor(database: DatabaseSync) {
    const columns = 'tenant text, user text, primary key (tenant, user)'
    this.#table = new Table(database, 'erasure', columns)
  }

  apply({ type, tenantId, data }: RecordedEvent): void {
    if (type === 'SubjectErased')
      this.#table.run('insert or replace into erasure values (?, ?)', tenantId, data.userId)
  }

  clear(): void {
    this.#table.clear()
  }

  /** Of all tenants. */
  async all(): Promise<Erased[]> {
    return this.#table
      .all('select * from erasure')
      .map((row) => ({ tenantId: text(row['tenant']), userId: text(row['user']) }))
  }
}
