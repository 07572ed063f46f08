import type { DatabaseSync } from 'node:sqlite'
import type { DeviceStatus } from '@travessia/schemas/device-state'
import type { Fact, RecordedEvent } from '@travessia/schemas/events'
import { Memory } from './memory.ts'
import { type Row, Table, text, textOrNull, type View } from './view.ts'

export type DeviceRow = Fact<'DeviceRegistered'>['data'] & {
  readonly id: string
  readonly tenantId: string
  readonly installationId: string
  readonly createdAt: string
  /** Position of the last event about it. */
  readonly changedAt: number
  /** As last recorded; null: its agent has never said. */
  readonly status: DeviceStatus | null
}

export class DevicesView implements View {
  readonly #table: Table
  /** Position of the last event that changed an installation's device list. */
  readonly #versions: Table
  /** By device. */
  readonly #known = new Memory<DeviceRow>()

  constructor(database: DatabaseSync) {
    this.#table = new Table(
      database,
      'device',
      `id text primary key, tenant text, installation text, name text, slug text, fields text, created_at text,
       changed_at integer, removed integer, status text`,
    ).index('tenant, installation, removed, created_at, id')
    const columns = 'installation text primary key, version integer'
    this.#versions = new Table(database, 'device_list', columns)
  }

  apply(event: RecordedEvent): void {
    const { tenantId, streamId, at, position, installationId = '' } = event
    this.#known.forget(tenantId, streamId)
    if (event.type === 'DeviceRegistered') {
      const { name, slug } = event.data
      const sql = 'insert or replace into device values (?, ?, ?, ?, ?, ?, ?, ?, 0, null)'
      const fields = JSON.stringify(event.data)
      this.#table.run(sql, streamId, tenantId, installationId, name, slug, fields, at, position)
    } else if (event.type === 'DeviceChanged') {
      const { name, slug } = event.data
      const sql = 'update device set name = ?, slug = ?, fields = ?, changed_at = ? where id = ?'
      this.#table.run(sql, name, slug, JSON.stringify(event.data), position, streamId)
    } else if (event.type === 'DeviceStateChanged') {
      // Not of the list that agents hold.
      const sql = 'update device set status = ? where id = ?'
      return this.#table.run(sql, event.data.status, streamId)
    } else if (event.type === 'DeviceRemoved') {
      this.#table.run('update device set removed = 1 where id = ?', streamId)
    } else {
      return
    }
    const sql = 'insert or replace into device_list values (?, ?)'
    this.#versions.run(sql, installationId, position)
  }

  clear(): void {
    this.#table.clear()
    this.#versions.clear()
    this.#known.clear()
  }

  /** Asked at each request. */
  get(tenantId: string, id: string): DeviceRow | undefined {
    return this.#known.get(tenantId, id, () => {
      const sql = 'select * from device where tenant = ? and id = ? and removed = 0'
      const row = this.#table.get(sql, tenantId, id)
      return row && toDevice(row)
    })
  }

  /** Also of a device that was removed: the audit still names it. */
  async described(
    tenantId: string,
    id: string,
  ): Promise<Pick<DeviceRow, 'name' | 'driver'> | undefined> {
    const row = this.#table.get('select * from device where tenant = ? and id = ?', tenantId, id)
    return row && toDevice(row)
  }

  async list(tenantId: string, installationId: string): Promise<DeviceRow[]> {
    const sql = `select * from device where tenant = ? and installation = ? and removed = 0
      order by created_at, id limit 500`
    return this.#table.all(sql, tenantId, installationId).map(toDevice)
  }

  /** Version of the installation's device list: grows with each change. */
  async listVersion(installationId: string): Promise<number> {
    const row = this.#versions.get(
      'select version from device_list where installation = ?',
      installationId,
    )
    return Number(row?.['version'] ?? 0)
  }
}

function toDevice(row: Row): DeviceRow {
  return {
    ...(JSON.parse(text(row['fields'])) as Fact<'DeviceRegistered'>['data']),
    id: text(row['id']),
    tenantId: text(row['tenant']),
    installationId: text(row['installation']),
    createdAt: text(row['created_at']),
    changedAt: Number(row['changed_at']),
    status: textOrNull(row['status']) as DeviceStatus | null,
  }
}
