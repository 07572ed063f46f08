import type { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import { type Row, Table, text, type View } from './view.ts'

export type InstallationRow = {
  readonly id: string
  readonly tenantId: string
  readonly name: string
  readonly slug: string
  readonly customer: string
  readonly createdAt: string
}

export class InstallationsView implements View {
  readonly #table: Table

  constructor(database: DatabaseSync) {
    this.#table = new Table(
      database,
      'installation',
      'id text primary key, tenant text, name text, slug text, customer text, created_at text',
    )
      .index('tenant, slug')
      .index('tenant, name, id')
  }

  apply(event: RecordedEvent): void {
    const { tenantId, streamId, at } = event
    if (event.type === 'InstallationCreated') {
      const { name, slug, customer } = event.data
      const sql = 'insert or replace into installation values (?, ?, ?, ?, ?, ?)'
      this.#table.run(sql, streamId, tenantId, name, slug, customer, at)
    } else if (event.type === 'InstallationChanged') {
      const { name, slug, customer } = event.data
      const sql = 'update installation set name = ?, slug = ?, customer = ? where id = ?'
      this.#table.run(sql, name, slug, customer, streamId)
    } else if (event.type === 'InstallationRemoved') {
      this.#table.run('delete from installation where id = ?', streamId)
    }
  }

  clear(): void {
    this.#table.clear()
  }

  async get(tenantId: string, id: string): Promise<InstallationRow | undefined> {
    const row = this.#table.get(
      'select * from installation where tenant = ? and id = ?',
      tenantId,
      id,
    )
    return row && toInstallation(row)
  }

  async bySlug(tenantId: string, slug: string): Promise<InstallationRow | undefined> {
    const sql = 'select * from installation where tenant = ? and slug = ?'
    const row = this.#table.get(sql, tenantId, slug)
    return row && toInstallation(row)
  }

  async list(tenantId: string): Promise<InstallationRow[]> {
    const sql = 'select * from installation where tenant = ? order by name, id limit 1000'
    return this.#table.all(sql, tenantId).map(toInstallation)
  }
}

function toInstallation(row: Row): InstallationRow {
  return {
    id: text(row['id']),
    tenantId: text(row['tenant']),
    name: text(row['name']),
    slug: text(row['slug']),
    customer: text(row['customer']),
    createdAt: text(row['created_at']),
  }
}
