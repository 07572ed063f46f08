import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { Leaf } from './evidence-log.ts'

/** What the file is called once its log is in PostgreSQL. */
export function movedName(path: string): string {
  return `${path}.moved`
}

type LastLeaf = Omit<Leaf, 'logIndex'> & { readonly tenantId: string }

/** Of a log that somebody would miss; undefined: there is none. */
export function lastLeafOf(path: string): LastLeaf | undefined {
  if (!existsSync(path)) return undefined
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    if (!database.prepare("select 1 from sqlite_master where name = 'event'").get())
      return undefined
    const row = database.prepare(lastLeaf).get()
    if (!row) return undefined
    const hash = row['leaf_hash'] as Uint8Array
    return { tenantId: String(row['id']), position: Number(row['position']), hash }
  } finally {
    database.close()
  }
}

const lastLeaf = `select ref.id, position, leaf_hash from event join ref on ref.key = tenant_key
  order by position desc limit 1`
