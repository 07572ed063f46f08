/** Runs `migrations/<engine>/NNNN.sql` forward, once each, in a transaction; refuses to start on drift. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'

const sqliteFolder = join(import.meta.dirname, 'migrations/sqlite')

export function migrate(database: DatabaseSync, folder = sqliteFolder): void {
  database.exec(
    'create table if not exists migration(name text primary key, checksum text not null)',
  )
  const known = new Map(
    database
      .prepare('select name, checksum from migration')
      .all()
      .map((row) => [String(row['name']), String(row['checksum'])]),
  )
  const names = readdirSync(folder).sort()
  const unknown = [...known.keys()].find((name) => !names.includes(name))
  if (unknown !== undefined) throw new TypeError(`migration ${unknown} is of a newer version`)
  for (const name of names) {
    const sql = readFileSync(join(folder, name), 'utf8')
    const checksum = createHash('sha256').update(sql).digest('hex')
    const recorded = known.get(name)
    if (recorded === checksum) continue
    if (recorded !== undefined) throw new TypeError(`migration ${name} was changed after it ran`)
    database.exec('begin immediate')
    database.exec(sql)
    database.prepare('insert into migration values (?, ?)').run(name, checksum)
    database.exec('commit')
  }
}
