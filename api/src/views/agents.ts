import type { DatabaseSync } from 'node:sqlite'
import type { AgentState } from '@travessia/schemas/api'
import type { RecordedEvent } from '@travessia/schemas/events'
import { Memory } from './memory.ts'
import { type Row, Table, text, textOrNull, type View } from './view.ts'

export type AgentRow = {
  readonly agentId: string
  readonly tenantId: string
  readonly installationId: string
  readonly name: string
  readonly hostname: string
  readonly version: string
  readonly ip: string
  readonly keyThumbprint: string
  readonly isConnected: boolean
  /** Since when it is connected or not, ISO UTC. */
  readonly since: string
  readonly policy: AgentState['policy']
}

/** Agents that were not revoked: at most one per installation. */
export class AgentsView implements View {
  readonly #table: Table
  /** By installation. */
  readonly #known = new Memory<AgentRow>()

  constructor(database: DatabaseSync) {
    this.#table = new Table(
      database,
      'agent',
      `id text primary key, tenant text, installation text, name text, hostname text, version text, ip text,
       thumbprint text, connected integer, since text, policy text`,
    ).index('tenant, installation')
  }

  apply(event: RecordedEvent): void {
    const { tenantId, streamId, at, installationId = '' } = event
    if (event.streamKind === 'agent') this.#known.clear()
    if (event.type === 'AgentEnrolled') {
      const { name, hostname, version, ip, keyThumbprint } = event.data
      const sql = 'insert or replace into agent values (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, null)'
      this.#table.run(
        sql,
        ...[streamId, tenantId, installationId, name, hostname, version, ip, keyThumbprint, at],
      )
    } else if (event.type === 'AgentPolicyStated') {
      const { policy: rules, digest } = event.data
      const text = JSON.stringify({ rules, digest })
      this.#table.run('update agent set policy = ? where id = ?', text, streamId)
    } else if (event.type === 'AgentConnected') {
      const { version, ip, hostname } = event.data
      const sql = `update agent set connected = 1, since = ?, version = ?, hostname = ?,
        ip = case when ? = '' then ip else ? end where id = ?`
      this.#table.run(sql, at, version, hostname, ip, ip, streamId)
    } else if (event.type === 'AgentDisconnected') {
      this.#table.run('update agent set connected = 0, since = ? where id = ?', at, streamId)
    } else if (event.type === 'AgentRevoked') {
      this.#table.run('delete from agent where id = ?', streamId)
    }
  }

  clear(): void {
    this.#table.clear()
    this.#known.clear()
  }

  async get(tenantId: string, agentId: string): Promise<AgentRow | undefined> {
    const row = this.#table.get(
      'select * from agent where tenant = ? and id = ?',
      tenantId,
      agentId,
    )
    return row && toAgent(row)
  }

  /** The installation's agent, if it has one; asked at each request. */
  current(tenantId: string, installationId: string): AgentRow | undefined {
    return this.#known.get(tenantId, installationId, () => {
      const sql = 'select * from agent where tenant = ? and installation = ?'
      const row = this.#table.get(sql, tenantId, installationId)
      return row && toAgent(row)
    })
  }

  /** Connected ones of all tenants, for the start of a node. */
  async connected(): Promise<AgentRow[]> {
    return this.#table.all('select * from agent where connected = 1').map(toAgent)
  }
}

function toAgent(row: Row): AgentRow {
  const policy = textOrNull(row['policy'])
  return {
    agentId: text(row['id']),
    tenantId: text(row['tenant']),
    installationId: text(row['installation']),
    name: text(row['name']),
    hostname: text(row['hostname']),
    version: text(row['version']),
    ip: text(row['ip']),
    keyThumbprint: text(row['thumbprint']),
    isConnected: row['connected'] === 1,
    since: text(row['since']),
    policy: policy === null ? null : (JSON.parse(policy) as AgentState['policy']),
  }
}
