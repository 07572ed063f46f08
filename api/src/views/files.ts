import type { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import type { FileFacts } from '@travessia/schemas/print-files'
import { type Row, Table, text, type View } from './view.ts'

/** A file that was uploaded for a device; its bytes lie beside the log while it is not removed. */
export type FileRow = FileFacts & {
  readonly id: string
  readonly tenantId: string
  readonly installationId: string
  readonly deviceId: string
  readonly expiresAt: string
  readonly isRemoved: boolean
}

export class FilesView implements View {
  readonly #table: Table

  constructor(database: DatabaseSync) {
    this.#table = new Table(
      database,
      'file',
      `id text primary key, tenant text, installation text, device text, name text, length integer, sha256 text,
       expires_at text, removed integer`,
    ).index('removed, tenant')
  }

  apply(event: RecordedEvent): void {
    const { streamId, tenantId, installationId = '', deviceId = '' } = event
    if (event.type === 'FileUploaded') {
      const { name, length, sha256, expiresAt } = event.data
      const sql = 'insert or replace into file values (?, ?, ?, ?, ?, ?, ?, ?, 0)'
      const places = [streamId, tenantId, installationId, deviceId]
      this.#table.run(sql, ...places, name, length, sha256, expiresAt)
    } else if (event.type === 'FileRemoved') {
      this.#table.run('update file set removed = 1 where id = ?', streamId)
    }
  }

  clear(): void {
    this.#table.clear()
  }

  /** Also one that was removed: a repeated command still names it. */
  async get(tenantId: string, id: string): Promise<FileRow | undefined> {
    const row = this.#table.get('select * from file where tenant = ? and id = ?', tenantId, id)
    return row && toFile(row)
  }

  /** Not removed, of all tenants. */
  async kept(): Promise<FileRow[]> {
    return this.#table.all('select * from file where removed = 0').map(toFile)
  }

  /** What a tenant has at the server now. */
  async usage(tenantId: string): Promise<{ readonly files: number; readonly bytes: number }> {
    const sql = `select count(*) as files, total(length) as bytes from file
      where removed = 0 and tenant = ?`
    const row = this.#table.get(sql, tenantId)
    return { files: Number(row?.['files']), bytes: Number(row?.['bytes']) }
  }
}

function toFile(row: Row): FileRow {
  return {
    id: text(row['id']),
    tenantId: text(row['tenant']),
    installationId: text(row['installation']),
    deviceId: text(row['device']),
    name: text(row['name']),
    length: Number(row['length']),
    sha256: text(row['sha256']),
    expiresAt: text(row['expires_at']),
    isRemoved: row['removed'] === 1,
  }
}
