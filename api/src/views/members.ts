import type { DatabaseSync } from 'node:sqlite'
import type { Role } from '@travessia/schemas/devices'
import type { RecordedEvent } from '@travessia/schemas/events'
import { type Row, Table, text, textOrNull, type View } from './view.ts'

export type MemberRow = {
  readonly userId: string
  readonly tenantId: string
  readonly tenantName: string
  readonly role: Role
  /** null: all installations of the tenant. */
  readonly installationIds: readonly string[] | null
  readonly isSuspended: boolean
}

/** Who may do what where. */
export class MembersView implements View {
  readonly #members: Table
  readonly #tenants: Table

  constructor(database: DatabaseSync) {
    this.#members = new Table(
      database,
      'member',
      'user text, tenant text, role text, installations text, suspended integer, primary key (user, tenant)',
    ).index('tenant, user')
    this.#tenants = new Table(database, 'tenant', 'id text primary key, name text')
  }

  apply(event: RecordedEvent): void {
    const { tenantId } = event
    if (event.type === 'TenantCreated') {
      this.#tenants.run('insert or replace into tenant values (?, ?)', tenantId, event.data.name)
    } else if (event.type === 'RoleGranted') {
      const { userId, role, installationIds } = event.data
      const scope = installationIds ? JSON.stringify(installationIds) : null
      const sql = `insert into member values (?, ?, ?, ?, 0)
        on conflict do update set role = excluded.role, installations = excluded.installations`
      this.#members.run(sql, userId, tenantId, role, scope)
    } else if (event.type === 'AccessSuspended' || event.type === 'AccessRestored') {
      const sql = 'update member set suspended = ? where user = ? and tenant = ?'
      this.#members.run(sql, Number(event.type === 'AccessSuspended'), event.data.userId, tenantId)
    } else if (event.type === 'RoleRevoked') {
      const sql = 'delete from member where user = ? and tenant = ?'
      this.#members.run(sql, event.data.userId, tenantId)
    }
  }

  clear(): void {
    this.#members.clear()
    this.#tenants.clear()
  }

  async get(userId: string, tenantId: string): Promise<MemberRow | undefined> {
    const row = this.#members.get(`${select} where user = ? and tenant = ?`, userId, tenantId)
    return row && toMember(row)
  }

  async list(tenantId: string): Promise<MemberRow[]> {
    return this.#members
      .all(`${select} where tenant = ? order by user limit 1000`, tenantId)
      .map(toMember)
  }
}

const select = 'select member.*, name from member left join tenant on tenant.id = member.tenant'

function toMember(row: Row): MemberRow {
  const scope = textOrNull(row['installations'])
  return {
    userId: text(row['user']),
    tenantId: text(row['tenant']),
    tenantName: textOrNull(row['name']) ?? '',
    role: text(row['role']) as Role,
    installationIds: scope === null ? null : (JSON.parse(scope) as string[]),
    isSuspended: row['suspended'] === 1,
  }
}
