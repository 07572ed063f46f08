import type { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import type { Gaps } from '@travessia/schemas/integrity'
import { recordingGapOf } from '@travessia/schemas/recording-gaps'
import { forgetExpired, Table, type View } from './view.ts'

const maxGaps = 200

/** Where something is missing in the recording. */
export class GapsView implements View {
  readonly #table: Table

  constructor(database: DatabaseSync) {
    const columns = 'position integer primary key, tenant text, stream text'
    this.#table = new Table(database, 'gap', columns).index('tenant, position').index('stream')
  }

  apply(event: RecordedEvent): void {
    const { position, tenantId, streamId } = event
    if (event.type === 'RetentionApplied') forgetExpired(this.#table, 'gap', event)
    if (recordingGapOf(event) !== undefined)
      this.#table.run('insert or replace into gap values (?, ?, ?)', position, tenantId, streamId)
  }

  clear(): void {
    this.#table.clear()
  }

  /** Of one session, or of all that the tenant has. */
  async count(tenantId: string, sessionId?: string): Promise<Gaps> {
    const [where, values] =
      sessionId === undefined
        ? ['tenant = ?', [tenantId]]
        : ['stream = ? and +tenant = ?', [sessionId, tenantId]]
    const sql = `select 1 from gap where ${where} limit ?`
    const gaps = this.#table.all(sql, ...values, maxGaps + 1).length
    return { gaps: Math.min(gaps, maxGaps), hasMoreGaps: gaps > maxGaps }
  }
}
