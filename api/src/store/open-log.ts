/** The one place that chooses where the log is kept. */
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { EventStore } from './event-store.ts'
import { createSqliteStore } from './sqlite.ts'

type Where = Pick<Config, 'DATABASE_URL' | 'DATA_DIR'>

/** @throws when it cannot be opened: a node without its log does not start */
export async function openLog({ DATABASE_URL, DATA_DIR }: Where, log: Logger): Promise<EventStore> {
  if (!DATABASE_URL) return createSqliteStore(join(DATA_DIR, 'events.db'))
  const { createPostgresStore } = await import('./postgres.ts')
  return createPostgresStore(DATABASE_URL, log)
}
