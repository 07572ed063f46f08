/** Runs `migrations/<engine>/NNNN.sql` forward, once each, in a transaction; refuses to start on drift. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'

const sqliteFolder = join(import.meta.dirname, 'migrations/sqlite')
/** SQLITE_BUSY. */
const busy = 5

export type Migration = { readonly name: string; readonly checksum: string; readonly sql: string }

export const knownMigrations = 'select name, checksum from migration'
export const createMigrationTable =
  'create table if not exists migration(name text primary key, checksum text not null)'

/** A long log may be laid out anew: a minute for some millions of events. */
export const migrationLimitMs = 24 * 3_600_000

/** With whoever lays out the same log: `tell` says that it is waited for. */
export type Patience = { readonly limitMs: number; readonly tell: () => void }
type Options = { readonly folder?: string; readonly patience?: Patience }

/** @throws TypeError as `pendingMigrations`; what the engine says, of a lock that is held for longer than it is waited for, too */
export function migrate(
  database: DatabaseSync,
  { folder = sqliteFolder, patience }: Options = {},
): void {
  database.exec(createMigrationTable)
  const pending = () => pendingMigrations(folder, database.prepare(knownMigrations).all())
  while (pending().length > 0) {
    begin(database, patience)
    // Another process may be at it: behind the lock is seen what it has left to do.
    const [next] = pending()
    if (next) {
      database.exec(next.sql)
      database.prepare('insert into migration values (?, ?)').run(next.name, next.checksum)
    }
    database.exec('commit')
  }
}

/** First as long as every transaction waits, then as long as another one may be at it. */
function begin(database: DatabaseSync, patience: Patience | undefined): void {
  try {
    return database.exec('begin immediate')
  } catch (error) {
    if (!patience || (error as { errcode?: number }).errcode !== busy) throw error
  }
  patience.tell()
  const usual = Number(database.prepare('pragma busy_timeout').get()?.['timeout'])
  database.exec(`pragma busy_timeout = ${patience.limitMs}`)
  try {
    database.exec('begin immediate')
  } finally {
    database.exec(`pragma busy_timeout = ${usual}`)
  }
}

/** @throws TypeError where a migration that ran is another one now, or is of a newer version */
export function pendingMigrations(
  folder: string,
  known: ReadonlyArray<Record<string, unknown>>,
): Migration[] {
  const ran = new Map(known.map((row) => [String(row['name']), String(row['checksum'])]))
  const names = readdirSync(folder).sort()
  const unknown = [...ran.keys()].find((name) => !names.includes(name))
  if (unknown !== undefined) throw new TypeError(`migration ${unknown} is of a newer version`)
  const all = names.map((name) => {
    const sql = readFileSync(join(folder, name), 'utf8')
    return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
  })
  const changed = all.find(({ name, checksum }) => ran.has(name) && ran.get(name) !== checksum)
  if (changed) throw new TypeError(`migration ${changed.name} was changed after it ran`)
  return all.filter(({ name }) => !ran.has(name))
}
