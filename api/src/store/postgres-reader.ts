/** Reads on PostgreSQL: a few connections of the role that sees one tenant at a time, or says that it reads the whole log. */
import { TravessiaError } from '@travessia/schemas/errors'
import pg from 'pg'
import { type Access, problemOf } from './postgres-connection.ts'
import { connectionLimits } from './postgres-setup.ts'
import type { Reader, Row } from './rows.ts'
import type { Values } from './walk.ts'

const maxConnections = 4

/** What is read is walked in the order of an index, whatever the statistics say, and never compiled for it (`walk.ts`). */
const walking = ['seqscan', 'bitmapscan', 'sort', 'incremental_sort']
  .map((way) => `set enable_${way} = off;`)
  .join('')
const firstWords = `${walking} set jit = off`

export class PostgresReader implements Reader {
  readonly #access: Access
  readonly #pool: pg.Pool
  /** Whose rows a connection may see now. */
  readonly #sees = new WeakMap<pg.PoolClient, string>()

  constructor(access: Access) {
    this.#access = access
    const connectionString = access.url
    this.#pool = new pg.Pool({ ...connectionLimits, connectionString, max: maxConnections })
    // A connection broke: the pool drops it, who reads on it is told, the next read opens another.
    this.#pool.on('error', () => undefined)
    this.#pool.on('connect', (client) => client.on('error', () => undefined))
  }

  /**
   * @param sql with `?` where a value goes
   * @throws TravessiaError STORE_UNAVAILABLE
   */
  async rows(tenantId: string, sql: string, values: Values): Promise<Row[]> {
    const client = await this.#pool.connect().catch(unavailable)
    try {
      await this.#show(client, tenantId)
      const { rows } = await client.query<Row>(numbered(sql), values)
      client.release()
      return rows
    } catch (error) {
      client.release(true)
      return unavailable(error)
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #show(client: pg.PoolClient, tenantId: string): Promise<void> {
    const before = this.#sees.get(client)
    if (before === tenantId) return
    if (before === undefined) {
      await client.query(firstWords)
      if (this.#access.role) await client.query(`set role ${this.#access.role}`)
    }
    await client.query(`select set_config('travessia.tenant', $1, false)`, [tenantId])
    this.#sees.set(client, tenantId)
  }
}

/** PostgreSQL counts its parameters. */
function numbered(sql: string): string {
  let count = 0
  return sql.replaceAll('?', () => `$${++count}`)
}

function unavailable(error: unknown): never {
  throw new TravessiaError('STORE_UNAVAILABLE', { problem: problemOf(error) }, { cause: error })
}
