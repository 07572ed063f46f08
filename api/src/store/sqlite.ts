/** The event store on node:sqlite: a writer and a reader of lists in threads of their own, a read-only connection here. */
import type { EventStore } from './event-store.ts'
import { LogStore } from './log-store.ts'
import { NearSqliteReader, SqliteReader } from './sqlite-reader.ts'
import { sqliteWalker } from './walk.ts'
import { openWriteQueue } from './write-queue.ts'

/**
 * @param waits called when another process lays out the log, which is waited for
 * @throws when the file cannot be opened or its migrations have drifted
 */
export async function createSqliteStore(path: string, waits?: () => void): Promise<EventStore> {
  const queue = await openWriteQueue('./sqlite-worker.ts', { path }, waits)
  const [near, far] = [new NearSqliteReader(path), new SqliteReader(path)]
  const close = async () => {
    near.close()
    await far.close()
  }
  return new LogStore({ queue, near, far, walker: sqliteWalker, close })
}
