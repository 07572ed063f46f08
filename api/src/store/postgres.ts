/** The event store on PostgreSQL: a writer in a worker thread, a few reading connections here. */
import type { Logger } from 'pino'
import type { EventStore } from './event-store.ts'
import { LogStore } from './log-store.ts'
import { PostgresReader } from './postgres-reader.ts'
import { prepareDatabase } from './postgres-setup.ts'
import { postgresWalker } from './walk.ts'
import { openWriteQueue } from './write-queue.ts'

/** What other nodes append is heard of by NOTIFY, which may get lost; this is the truth. */
const pollMs = 500

/** @throws TravessiaError CONFIG_INVALID when the database cannot be reached, loses data by its settings, or has drifted */
export async function createPostgresStore(url: string, log: Logger): Promise<EventStore> {
  const access = { url, role: await prepareDatabase(url, { log }) }
  const queue = await openWriteQueue('./postgres-worker.ts', access)
  const reader = new PostgresReader(access)
  const close = async () => {
    clearInterval(poll)
    await reader.close()
  }
  const engine = { queue, near: reader, far: reader, walker: postgresWalker, close }
  const store = new LogStore(engine)
  const poll = setInterval(() => {
    // While the database is away there is nothing to hear.
    store.head().then(
      (position) => queue.heard(position),
      () => undefined,
    )
  }, pollMs)
  return store
}
