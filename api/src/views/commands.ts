import type { DatabaseSync } from 'node:sqlite'
import type { CommandStatus } from '@travessia/schemas/commands'
import type { Fact, RecordedEvent } from '@travessia/schemas/events'
import { forgetExpired, type Row, Table, text, textOrNull, type View } from './view.ts'

export type CommandRow = {
  readonly id: string
  readonly tenantId: string
  readonly installationId: string
  readonly deviceId: string
  readonly agentId: string | null
  readonly sessionId: string | null
  readonly userId: string
  readonly status: CommandStatus
  readonly issued: Fact<'CommandIssued'>['data']
  readonly confirmed: boolean | null
  readonly errorCode: string | null
  readonly detail: string | null
  readonly percent: number | null
  /** What the device calls the file that it was given. */
  readonly file: string | null
  /** The second person. */
  readonly decidedBy: string | null
  readonly issuedAt: string
  readonly endedAt: string | null
  readonly correlationId: string
}

export class CommandsView implements View {
  readonly #table: Table

  constructor(database: DatabaseSync) {
    this.#table = new Table(
      database,
      'command',
      `id text primary key, tenant text, installation text, device text, agent text, user text, status text,
       issued text, seq integer, confirmed integer, error text, detail text, issued_at text, ended_at text,
       correlation text, percent integer, file text, decided_by text, position integer,
       session text`,
    )
      .index('tenant, device, seq')
      .index('ended_at, status, seq')
      .index('tenant, position')
  }

  apply(event: RecordedEvent): void {
    switch (event.type) {
      case 'CommandHeld': {
        const { lapsesAt, requestedBy: _, expiresInMs: __, wouldDo: ___, ...order } = event.data
        return this.#open(event, 'awaiting', { ...order, expiresAt: lapsesAt })
      }
      case 'CommandApproved':
        return this.#decided(event)
      case 'CommandRejected':
        this.#decided(event)
        return this.#end(event, 'refused', { errorCode: 'APPROVAL_REJECTED' })
      case 'CommandLapsed':
        return this.#end(event, 'expired', { errorCode: 'APPROVAL_LAPSED' })
      case 'CommandIssued':
        return this.#open(event, 'issued', event.data)
      case 'CommandDelivered':
        return this.#move(event, 'delivered')
      case 'CommandStarted':
        return this.#move(event, 'running')
      case 'CommandProgressed':
        return this.#progressed(event.streamId, event.data.percent)
      case 'CommandSucceeded':
        return this.#end(event, 'succeeded', event.data)
      case 'CommandFailed':
        return this.#end(event, 'failed', event.data)
      case 'CommandRefused':
        return this.#end(event, 'refused', event.data)
      case 'CommandExpired':
        return this.#end(event, 'expired', event.data)
      case 'RetentionApplied':
        return forgetExpired(this.#table, 'command', event)
      case 'CommandUnknown':
        return this.#end(event, 'unknown', event.data)
    }
  }

  clear(): void {
    this.#table.clear()
  }

  async get(tenantId: string, id: string): Promise<CommandRow | undefined> {
    const row = this.#table.get('select * from command where tenant = ? and id = ?', tenantId, id)
    return row && toCommand(row)
  }

  /** Newest first. */
  async ofDevice(tenantId: string, deviceId: string, limit: number): Promise<CommandRow[]> {
    const sql = 'select * from command where tenant = ? and device = ? order by seq desc limit ?'
    return this.#table.all(sql, tenantId, deviceId, limit).map(toCommand)
  }

  /** Issued, without a terminal fact, of all tenants. */
  async open(): Promise<CommandRow[]> {
    const sql = "select * from command where ended_at is null and status <> 'awaiting'"
    return this.#table.all(sql).map(toCommand)
  }

  /** What waits for a second person, oldest first; of all tenants without `tenantId`. */
  async awaiting(tenantId?: string): Promise<CommandRow[]> {
    const sql = "select * from command where ended_at is null and status = 'awaiting' order by seq"
    const rows = this.#table.all(sql).map(toCommand)
    return tenantId === undefined ? rows : rows.filter((row) => row.tenantId === tenantId)
  }

  async lastSeq(tenantId: string, deviceId: string): Promise<number> {
    const sql = 'select max(seq) as seq from command where tenant = ? and device = ?'
    return Number(this.#table.get(sql, tenantId, deviceId)?.['seq'] ?? 0)
  }

  #open(event: RecordedEvent, status: CommandStatus, issued: CommandRow['issued']): void {
    const {
      tenantId,
      streamId,
      installationId = '',
      deviceId = '',
      agentId = null,
      sessionId = null,
      actor,
      at,
    } = event
    const sql = `insert into command values
      (?, ?, ?, ?, ?, ?, ?, ?, ?, null, null, null, ?, null, ?, null, null, null, ?, ?)
      on conflict (id) do update set agent = excluded.agent, status = excluded.status, issued = excluded.issued,
      seq = excluded.seq, issued_at = excluded.issued_at`
    const ids = [streamId, tenantId, installationId, deviceId, agentId, actor.id]
    const text = JSON.stringify(issued)
    const { correlationId, position } = event
    this.#table.run(sql, ...ids, status, text, issued.seq, at, correlationId, position, sessionId)
  }

  #decided({ streamId, actor }: RecordedEvent): void {
    this.#table.run('update command set decided_by = ? where id = ?', actor.id, streamId)
  }

  #move({ streamId }: RecordedEvent, status: CommandStatus): void {
    this.#table.run('update command set status = ? where id = ?', status, streamId)
  }

  #progressed(streamId: string, percent: number): void {
    this.#table.run('update command set percent = ? where id = ?', percent, streamId)
  }

  #end(
    { streamId, at }: RecordedEvent,
    status: CommandStatus,
    outcome: { confirmed?: boolean; errorCode?: string; detail?: string; file?: string },
  ): void {
    const { confirmed, errorCode = null, detail = null, file = null } = outcome
    const sql = `update command set status = ?, confirmed = ?, error = ?, detail = ?, ended_at = ?, file = ?
      where id = ? and ended_at is null`
    const flag = confirmed === undefined ? null : Number(confirmed)
    this.#table.run(sql, status, flag, errorCode, detail, at, file, streamId)
  }
}

function toCommand(row: Row): CommandRow {
  const confirmed = row['confirmed']
  return {
    id: text(row['id']),
    tenantId: text(row['tenant']),
    installationId: text(row['installation']),
    deviceId: text(row['device']),
    agentId: textOrNull(row['agent']),
    sessionId: textOrNull(row['session']),
    userId: text(row['user']),
    status: text(row['status']) as CommandStatus,
    issued: JSON.parse(text(row['issued'])) as CommandRow['issued'],
    confirmed: confirmed === null ? null : confirmed === 1,
    errorCode: textOrNull(row['error']),
    detail: textOrNull(row['detail']),
    percent: row['percent'] === null ? null : Number(row['percent']),
    file: textOrNull(row['file']),
    decidedBy: textOrNull(row['decided_by']),
    issuedAt: text(row['issued_at']),
    endedAt: textOrNull(row['ended_at']),
    correlationId: text(row['correlation']),
  }
}
