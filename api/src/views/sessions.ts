import type { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'
import type { SessionAccess } from '@travessia/schemas/grant'
import { sessionsQuery } from './session-query.ts'
import { forgetExpired, type Row, Table, text, textOrNull, type View } from './view.ts'

type SessionStatus = 'ACTIVE' | 'EXPIRED' | 'CLOSED' | 'REVOKED' | 'DENIED'

export type SessionRow = {
  readonly id: string
  readonly tenantId: string
  readonly installationId: string
  readonly deviceId: string
  readonly userId: string
  readonly reason: string
  readonly mode: 'host' | 'path'
  readonly access: SessionAccess
  readonly status: SessionStatus
  readonly openedAt: string
  readonly expiresAt: string
  readonly endsAtLatest: string
  readonly endedAt: string | null
  readonly endReason: string | null
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly position: number
}

/** A request or WebSocket that was recorded as begun and not as ended. */
export type OpenExchange = {
  readonly requestId: string
  readonly tenantId: string
  readonly streamId: string
  readonly isWebSocket: boolean
  readonly installationId: string | null
  readonly deviceId: string | null
  readonly sessionId: string | null
}

export type SessionFilter = {
  readonly tenantId: string
  readonly installationIds: readonly string[] | null
  readonly installationId?: string
  readonly deviceId?: string
  readonly userId?: string
  readonly status?: SessionStatus
  /** Opened then: ISO UTC, inclusive. */
  readonly from?: string
  readonly to?: string
  /** Somebody could use it at this moment. */
  readonly activeAt?: string
  readonly hasGaps?: boolean
  readonly beforePosition?: number
  readonly limit: number
}

export class SessionsView implements View {
  readonly #table: Table
  readonly #exchanges: Table

  constructor(database: DatabaseSync) {
    this.#table = new Table(
      database,
      'session',
      `id text primary key, tenant text, installation text, device text, user text, reason text, mode text,
       access text, status text, opened_at text, expires_at text, ends_at_latest text, ended_at text, end_reason text,
       requests integer, bytes_in integer, bytes_out integer, position integer`,
    )
      .index('tenant, position')
      .index('tenant, installation, position')
      .index('tenant, device, position')
      .index('tenant, user, position')
      .index('tenant, opened_at, position')
      .index('status')
    this.#exchanges = new Table(
      database,
      'exchange',
      `id text primary key, tenant text, stream text, web_socket integer, installation text, device text,
       session text`,
    )
  }

  apply(event: RecordedEvent): void {
    switch (event.type) {
      case 'SessionRequested':
        return this.#requested(event)
      case 'SessionOpened': {
        const sql = `update session set status = 'ACTIVE', expires_at = ?, ends_at_latest = ? where id = ?`
        return this.#table.run(sql, event.data.expiresAt, event.data.endsAtLatest, event.streamId)
      }
      case 'SessionExtended':
        return this.#table.run(
          'update session set expires_at = ? where id = ?',
          ...[event.data.expiresAt, event.streamId],
        )
      case 'SessionDenied':
        return this.#end(event, 'DENIED', event.data.errorCode)
      case 'SessionClosed':
        return this.#end(event, 'CLOSED', event.data.reason)
      case 'SessionExpired':
        return this.#end(event, 'EXPIRED', event.data.reason)
      case 'SessionRevoked':
        return this.#end(event, 'REVOKED', event.data.reason)
      case 'HttpRequestForwarded':
      case 'WebSocketOpened':
        return this.#begun(event, event.data.requestId, event.type === 'WebSocketOpened')
      case 'HttpResponseReceived':
        return this.#ended(event, event.data.requestId, {
          in: event.data.requestBody.bytes,
          out: event.data.responseBody.bytes,
        })
      case 'HttpExchangeFailed':
        return this.#ended(event, event.data.requestId, {
          in: 0,
          out: event.data.responseBytes ?? 0,
        })
      case 'RetentionApplied':
        return forgetExpired(this.#table, 'session', event)
      case 'WebSocketClosed':
        return this.#ended(event, event.data.requestId, {
          in: event.data.bytesIn,
          out: event.data.bytesOut,
        })
    }
  }

  clear(): void {
    this.#table.clear()
    this.#exchanges.clear()
  }

  /** Of no use to whoever asks for the open ones only. */
  forgetEnded(): void {
    this.#table.run('delete from session where ended_at is not null')
  }

  async get(tenantId: string, id: string): Promise<SessionRow | undefined> {
    const row = this.#table.get('select * from session where tenant = ? and id = ?', tenantId, id)
    return row && toSession(row)
  }

  /** Newest first. */
  async list(filter: SessionFilter): Promise<SessionRow[]> {
    const { sql, values } = sessionsQuery(filter)
    return this.#table.all(sql, ...values).map(toSession)
  }

  /** Active ones of all tenants. */
  async active(): Promise<SessionRow[]> {
    return this.#table.all("select * from session where status = 'ACTIVE'").map(toSession)
  }

  /** Of all tenants; after a start these are what a crash left open. */
  async openExchanges(): Promise<OpenExchange[]> {
    return this.#exchanges.all('select * from exchange').map((row) => ({
      requestId: text(row['id']),
      tenantId: text(row['tenant']),
      streamId: text(row['stream']),
      isWebSocket: row['web_socket'] === 1,
      installationId: textOrNull(row['installation']),
      deviceId: textOrNull(row['device']),
      sessionId: textOrNull(row['session']),
    }))
  }

  #requested(event: RecordedEvent<'SessionRequested'>): void {
    const { streamId, tenantId, installationId = '', deviceId = '', actor, at, position } = event
    const { purpose, mode, access = 'full' } = event.data
    const sql = `insert or replace into session values
      (?, ?, ?, ?, ?, ?, ?, ?, 'DENIED', ?, ?, ?, null, null, 0, 0, 0, ?)`
    const ids = [streamId, tenantId, installationId, deviceId, actor.id]
    this.#table.run(sql, ...ids, purpose, mode, access, at, at, at, position)
  }

  #end({ streamId, at }: RecordedEvent, status: SessionStatus, reason: string): void {
    const sql = 'update session set status = ?, ended_at = ?, end_reason = ? where id = ?'
    this.#table.run(sql, status, at, reason, streamId)
  }

  #begun(event: RecordedEvent, requestId: string, isWebSocket: boolean): void {
    const { tenantId, streamId, installationId = null, deviceId = null, sessionId = null } = event
    const sql = 'insert or replace into exchange values (?, ?, ?, ?, ?, ?, ?)'
    const ids = [installationId, deviceId, sessionId]
    this.#exchanges.run(sql, requestId, tenantId, streamId, Number(isWebSocket), ...ids)
  }

  #ended({ streamId }: RecordedEvent, requestId: string, bytes: { in: number; out: number }): void {
    this.#exchanges.run('delete from exchange where id = ?', requestId)
    const sql = `update session set requests = requests + 1, bytes_in = bytes_in + ?,
      bytes_out = bytes_out + ? where id = ?`
    this.#table.run(sql, bytes.in, bytes.out, streamId)
  }
}

function toSession(row: Row): SessionRow {
  return {
    id: text(row['id']),
    tenantId: text(row['tenant']),
    installationId: text(row['installation']),
    deviceId: text(row['device']),
    userId: text(row['user']),
    reason: text(row['reason']),
    mode: text(row['mode']) as 'host' | 'path',
    access: text(row['access']) as SessionAccess,
    status: text(row['status']) as SessionStatus,
    openedAt: text(row['opened_at']),
    expiresAt: text(row['expires_at']),
    endsAtLatest: text(row['ends_at_latest']),
    endedAt: textOrNull(row['ended_at']),
    endReason: textOrNull(row['end_reason']),
    requests: Number(row['requests']),
    bytesIn: Number(row['bytes_in']),
    bytesOut: Number(row['bytes_out']),
    position: Number(row['position']),
  }
}
