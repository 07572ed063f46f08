/** One view: a table, what each event does to it, and its queries. Queries are async so that another engine can follow, but those that a memory answers. */
import type { DatabaseSync } from 'node:sqlite'
import type { RecordedEvent } from '@travessia/schemas/events'

export interface View {
  /** Must be the same for the same events, and must not throw for an event it does not know. */
  apply(event: RecordedEvent): void
  clear(): void
}

type Value = string | number | null
export type Row = Record<string, unknown>

/** A checkpoint: a table is another one than before, and everything is read again. */
export const fromNothing = -1

/** The few statements that a view needs, prepared once each. */
export class Table {
  readonly #database: DatabaseSync
  readonly #name: string
  readonly #statements = new Map<string, ReturnType<DatabaseSync['prepare']>>()

  constructor(database: DatabaseSync, name: string, columns: string) {
    this.#database = database
    this.#name = name
    const known = database.prepare(
      "select sql from sqlite_master where type = 'table' and name = ?",
    )
    const sql = `CREATE TABLE ${name}(${columns})`
    const { sql: before } = known.get(name) ?? {}
    if (before === sql) return
    if (before !== undefined)
      database.exec(`drop table ${name}; update checkpoint set position = ${fromNothing}`)
    database.exec(sql)
  }

  index(columns: string): this {
    const name = `${this.#name}_${columns.replaceAll(/\W+/g, '_')}`
    this.#database.exec(`create index if not exists ${name} on ${this.#name}(${columns})`)
    return this
  }

  run(sql: string, ...values: Value[]): void {
    this.#statement(sql).run(...values)
  }

  get(sql: string, ...values: Value[]): Row | undefined {
    return this.#statement(sql).get(...values)
  }

  all(sql: string, ...values: Value[]): Row[] {
    return this.#statement(sql).all(...values)
  }

  clear(): void {
    this.run(`delete from ${this.#name}`)
  }

  #statement(sql: string): ReturnType<DatabaseSync['prepare']> {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

export function text(value: unknown): string {
  return String(value)
}

export function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value)
}

/** What expired has no rows any more, as if it had never been read; the table has `tenant` and the `position` of a row's event. */
export function forgetExpired(
  table: Table,
  name: string,
  { tenantId, data }: RecordedEvent<'RetentionApplied'>,
): void {
  const sql = `delete from ${name} where tenant = ? and position between ? and ?`
  for (const [, , first = 0, last = 0] of data.spans) table.run(sql, tenantId, first, last)
}
