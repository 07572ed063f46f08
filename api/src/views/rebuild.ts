/**
 * Views made anew from the first event on, beside those that were kept, compared with them and put in their place. Killed before
 * the last rename: the kept ones are there; after it: the new ones.
 */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { Logger } from 'pino'
import type { EventStore } from '../store/event-store.ts'
import { openAlone } from '../store/open-alone.ts'
import { Views } from './views.ts'

export type Rebuilt = {
  readonly position: number
  readonly tables: number
  /** A line for each table that was not what the log says. */
  readonly differences: readonly string[]
}

/** @throws RangeError when a node uses them */
export async function rebuildViews({
  store,
  path,
  log,
}: {
  store: EventStore
  path: string
  log: Logger
}): Promise<Rebuilt> {
  const fresh = `${path}.rebuilt`
  removeAll(fresh)
  const hadViews = existsSync(path)
  requireUnused(path)
  // As a start would: what was not followed yet is no difference.
  for (const one of [path, fresh]) {
    const views = new Views({ store, path: one, log })
    await views.start()
    await views.stop()
  }
  const { differences, tables } = compare(path, fresh)
  const position = await store.head()
  removeAll(path)
  renameSync(fresh, path)
  return { position, tables, differences: hadViews ? differences : [] }
}

/** @throws RangeError when a node uses them */
export function requireUnused(path: string): void {
  if (existsSync(path)) openAlone(path).close()
}

function compare(path: string, fresh: string): { tables: number; differences: string[] } {
  const database = new DatabaseSync(path)
  database.exec(`attach '${fresh.replaceAll("'", "''")}' as fresh`)
  const names = database
    .prepare("select name from fresh.sqlite_master where type = 'table' order by name")
    .all()
    .map(({ name }) => String(name))
  const differences = names.flatMap((name) => {
    const only = (one: string, other: string) => {
      const sql = `select count(*) as rows from
        (select * from ${one}."${name}" except select * from ${other}."${name}")`
      return Number(database.prepare(sql).get()?.['rows'])
    }
    const [kept, made] = [only('main', 'fresh'), only('fresh', 'main')]
    return kept + made === 0
      ? []
      : [`${name}: ${kept} rows that the log does not say, ${made} that it does and were not there`]
  })
  database.close()
  return { tables: names.length, differences }
}

function removeAll(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
}
