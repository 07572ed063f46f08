import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** What the file is called once its log is in PostgreSQL. */
export function movedName(path: string): string {
  return `${path}.moved`
}

/** Whether a file holds a log that somebody would miss. */
export function holdsEvents(path: string): boolean {
  if (!existsSync(path)) return false
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    const isLog = database.prepare("select 1 from sqlite_master where name = 'event'").get()
    return (
      isLog !== undefined && database.prepare('select 1 from event limit 1').get() !== undefined
    )
  } finally {
    database.close()
  }
}
