/** The one place that chooses where the log is kept. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { EventStore } from './event-store.ts'
import { holdsEvents, movedName } from './events-file.ts'
import { createSqliteStore } from './sqlite.ts'

const movedFirst =
  'TRAVESSIA_DATABASE_URL: that database has no log, and DATA_DIR has one in events.db: `npm run move-log` carries it over'
const movedAway =
  'TRAVESSIA_DATABASE_URL: not set, and the log of DATA_DIR was moved to a database (events.db.moved)'

type Where = Pick<Config, 'DATABASE_URL' | 'DATA_DIR'>

/** @throws when it cannot be opened: a node without its log does not start */
export async function openLog({ DATABASE_URL, DATA_DIR }: Where, log: Logger): Promise<EventStore> {
  const path = join(DATA_DIR, 'events.db')
  if (!DATABASE_URL) {
    if (!existsSync(path) && existsSync(movedName(path)))
      throw new TravessiaError('CONFIG_INVALID', { problems: [movedAway] })
    const waits = 'another process is laying out the log anew, waiting until it has ended'
    return createSqliteStore(path, () => log.warn({ path }, waits))
  }
  const { createPostgresStore } = await import('./postgres.ts')
  const store = await createPostgresStore(DATABASE_URL, log)
  try {
    // Its views, accounts and keys belong to the log in the file.
    if ((await store.head()) === 0 && holdsEvents(path))
      throw new TravessiaError('CONFIG_INVALID', { problems: [movedFirst] })
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}
