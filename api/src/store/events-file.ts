import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** What the file is called once its log is in PostgreSQL. */
export function movedName(path: string): string {
  return `${path}.moved`
}

/** Of a log that somebody would miss; undefined: there is none. */
export function lastEventOf(path: string): { position: number; id: string } | undefined {
  if (!existsSync(path)) return undefined
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    if (!database.prepare("select 1 from sqlite_master where name = 'event'").get())
      return undefined
    const sql = 'select position, body from event order by position desc limit 1'
    const row = database.prepare(sql).get()
    if (!row) return undefined
    const { id } = JSON.parse(String(row['body'])) as { id: string }
    return { position: Number(row['position']), id }
  } finally {
    database.close()
  }
}
