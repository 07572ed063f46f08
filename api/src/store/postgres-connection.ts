/** A connection of the log's own: of the role that may append only, forgotten when it breaks, made anew when asked for. */
import pg from 'pg'
import { connectionLimits } from './postgres-setup.ts'
import { writerStatements } from './postgres-statements.ts'
import type { Row } from './rows.ts'

export type Access = { readonly url: string; readonly role?: string | undefined }

/** An error that says that the connection is gone, or that nobody knows what became of what was asked. */
export function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true
  return error.severity === 'FATAL' || error.severity === 'PANIC'
}

/** What went wrong, without what was written. */
export function problemOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return [code, message].filter(Boolean).join(' ')
}

export async function ask(
  client: pg.Client,
  name: keyof typeof writerStatements,
  values: unknown[] = [],
): Promise<Row[]> {
  return (await client.query<Row>({ name, text: writerStatements[name], values })).rows
}

/** The writer finds its few rows by index, whatever the statistics say: a scan would grow with the log. */
const firstWords = ['seqscan', 'hashjoin', 'mergejoin']
  .map((way) => `set enable_${way} = off;`)
  .join('')

export class Connection {
  readonly #access: Access
  readonly #listen: (position: number) => void
  #client: pg.Client | undefined

  constructor(access: Access, listen: (position: number) => void) {
    this.#access = access
    this.#listen = listen
  }

  /** @throws when the database cannot be reached */
  async open(): Promise<pg.Client> {
    if (this.#client) return this.#client
    const client = new pg.Client({
      ...connectionLimits,
      ...{ connectionString: this.#access.url, pipeline: true },
    })
    client.on('error', () => this.#forget(client))
    client.on('end', () => this.#forget(client))
    client.on('notification', ({ payload }) => this.#listen(Number(payload)))
    await client.connect()
    try {
      await client.query(`${firstWords} set jit = off`)
      await client.query(`select set_config('travessia.tenant', 'all', false)`)
      await client.query('listen audit')
      await this.enterRole(client)
    } catch (error) {
      this.close(client)
      throw error
    }
    this.#client = client
    return client
  }

  /** What only the owner of the tables may do. */
  async asOwner(client: pg.Client, work: () => Promise<void>): Promise<void> {
    await client.query('reset role')
    try {
      await work()
    } finally {
      await this.enterRole(client)
    }
  }

  async enterRole(client: pg.Client): Promise<void> {
    if (this.#access.role) await client.query(`set role ${this.#access.role}`)
  }

  /** Nothing more is asked on it, whatever it is doing. */
  close(client: pg.Client): void {
    this.#forget(client)
    client.end().catch(() => undefined)
  }

  #forget(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined
  }
}
