import type { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import type { FeedKind } from '@travessia/schemas/feeds'
import { type Row, Table, text, type View } from './view.ts'

export type FeedRow = {
  readonly id: string
  readonly tenantId: string
  readonly name: string
  readonly kind: FeedKind
  readonly host: string
  readonly isEnabled: boolean
  /** Where it was added: the first event that it sends. */
  readonly position: number
}

/** Feeds of the audit that were not removed. */
export class FeedsView implements View {
  readonly #table: Table

  constructor(database: DatabaseSync) {
    this.#table = new Table(
      database,
      'feed',
      'id text primary key, tenant text, name text, kind text, host text, enabled integer, position integer',
    )
      .index('tenant, position')
      .index('enabled')
  }

  apply({ streamId, tenantId, position, ...event }: RecordedEvent): void {
    if (event.type === 'AuditFeedAdded') {
      const { name, kind, host } = event.data
      const sql = 'insert or replace into feed values (?, ?, ?, ?, ?, 1, ?)'
      this.#table.run(sql, streamId, tenantId, name, kind, host, position)
    } else if (event.type === 'AuditFeedChanged') {
      const { name, kind, host, isEnabled } = event.data
      const sql = 'update feed set name = ?, kind = ?, host = ?, enabled = ? where id = ?'
      this.#table.run(sql, name, kind, host, Number(isEnabled), streamId)
    } else if (event.type === 'AuditFeedRemoved') {
      this.#table.run('delete from feed where id = ?', streamId)
    }
  }

  clear(): void {
    this.#table.clear()
  }

  async get(tenantId: string, id: string): Promise<FeedRow | undefined> {
    const row = this.#table.get('select * from feed where tenant = ? and id = ?', tenantId, id)
    return row && toFeed(row)
  }

  async ofTenant(tenantId: string): Promise<FeedRow[]> {
    const sql = 'select * from feed where tenant = ? order by position'
    return this.#table.all(sql, tenantId).map(toFeed)
  }

  /** Of all tenants. */
  async enabled(): Promise<FeedRow[]> {
    return this.#table.all('select * from feed where enabled = 1').map(toFeed)
  }
}

function toFeed(row: Row): FeedRow {
  return {
    id: text(row['id']),
    tenantId: text(row['tenant']),
    name: text(row['name']),
    kind: text(row['kind']) as FeedKind,
    host: text(row['host']),
    isEnabled: row['enabled'] === 1,
    position: Number(row['position']),
  }
}
