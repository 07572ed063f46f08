import type { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import { Table, text, type View } from './view.ts'

type OpenViewing = {
  readonly id: string
  readonly tenantId: string
  readonly installationId: string
  readonly deviceId: string
}

/** Cameras that somebody looks at; after a start these are what a crash left open. */
export class ViewingsView implements View {
  readonly #table: Table

  constructor(database: DatabaseSync) {
    const columns = 'id text primary key, tenant text, installation text, device text'
    this.#table = new Table(database, 'viewing', columns)
  }

  apply({ type, streamId, tenantId, installationId = '', deviceId = '' }: RecordedEvent): void {
    if (type === 'CameraViewOpened') {
      const sql = 'insert or replace into viewing values (?, ?, ?, ?)'
      this.#table.run(sql, streamId, tenantId, installationId, deviceId)
    } else if (type === 'CameraViewClosed') {
      this.#table.run('delete from viewing where id = ?', streamId)
    }
  }

  clear(): void {
    this.#table.clear()
  }

  /** Of all tenants. */
  async open(): Promise<OpenViewing[]> {
    return this.#table.all('select * from viewing').map((row) => ({
      id: text(row['id']),
      tenantId: text(row['tenant']),
      installationId: text(row['installation']),
      deviceId: text(row['device']),
    }))
  }
}
