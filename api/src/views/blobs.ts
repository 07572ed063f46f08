import type { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import { namedBlobs } from '@travessia/schemas/named-blobs'
import { forgetExpired, Table, textOrNull, type View } from './view.ts'

/** Which event streams name which blobs: who may read one, and what is no orphan. */
export class BlobsView implements View {
  readonly #table: Table

  constructor(database: DatabaseSync) {
    const columns = `ref text, stream text, tenant text, installation text, position integer,
      primary key (ref, stream)`
    this.#table = new Table(database, 'blob', columns).index('tenant, position')
  }

  apply(event: RecordedEvent): void {
    const { streamId, tenantId, installationId = null, position } = event
    if (event.type === 'RetentionApplied') forgetExpired(this.#table, 'blob', event)
    for (const { ref } of namedBlobs(event))
      this.#table.run(
        'insert or replace into blob values (?, ?, ?, ?, ?)',
        ...[ref, streamId, tenantId, installationId, position],
      )
  }

  clear(): void {
    this.#table.clear()
  }

  /** By any event of any tenant. */
  isNamed(ref: string): boolean {
    return this.#table.get('select 1 from blob where ref = ? limit 1', ref) !== undefined
  }

  /** By an event of this stream (a session, or a request of the API proxy); undefined: by none. */
  async namedBy(
    tenantId: string,
    streamId: string,
    ref: string,
  ): Promise<{ installationId: string | null } | undefined> {
    const sql = 'select installation from blob where ref = ? and stream = ? and tenant = ?'
    const row = this.#table.get(sql, ref, streamId, tenantId)
    return row && { installationId: textOrNull(row['installation']) }
  }
}
