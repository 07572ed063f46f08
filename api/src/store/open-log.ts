/** The one place that chooses where the log is kept. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { EventStore } from './event-store.ts'
import { lastLeafOf, movedName } from './events-file.ts'
import { createSqliteStore } from './sqlite.ts'

const movedFirst =
  'TRAVESSIA_DATABASE_URL: that database has no log, and DATA_DIR has one in events.db: `npm run move-log` carries it over'
const secondLog =
  'TRAVESSIA_DATABASE_URL: events.db in DATA_DIR has events that this database does not have. Two logs are not joined: move the one aside that is not to go on'
const movedHalf =
  'the move of events.db into the database was not ended: `npm run move-log` ends it'
const movedAway =
  'TRAVESSIA_DATABASE_URL: not set, and the log of DATA_DIR was moved to a database (events.db.moved). Set it; should the log stay in events.db, where the move was broken off, take events.db.moved away'

type Where = Pick<Config, 'DATABASE_URL' | 'DATA_DIR'>

/** @throws when it cannot be opened: a node without its log does not start */
export async function openLog({ DATABASE_URL, DATA_DIR }: Where, log: Logger): Promise<EventStore> {
  const path = join(DATA_DIR, 'events.db')
  if (!DATABASE_URL) {
    if (existsSync(movedName(path)))
      throw new TravessiaError('CONFIG_INVALID', { problems: [movedAway] })
    const waits = 'another process is laying out the log anew, waiting until it has ended'
    return createSqliteStore(path, () => log.warn({ path }, waits))
  }
  const { createPostgresStore } = await import('./postgres.ts')
  const store = await createPostgresStore(DATABASE_URL, log)
  try {
    await requireOneLog(store, { path, log })
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Views, accounts and keys beside a log in the file belong to it. @throws TravessiaError CONFIG_INVALID */
async function requireOneLog(
  store: EventStore,
  { path, log }: { readonly path: string; readonly log: Logger },
): Promise<void> {
  const last = lastLeafOf(path)
  if (!last) return
  // Also of an event that has expired since.
  const page = { after: last.position - 1, limit: 1 }
  const [leaf] = await store.evidence.readLeaves(last.tenantId, page)
  if (leaf?.position === last.position && Buffer.from(leaf.hash).equals(last.hash))
    return log.warn({ path }, movedHalf)
  const problem = (await store.head()) === 0 ? movedFirst : secondLog
  throw new TravessiaError('CONFIG_INVALID', { problems: [problem] })
}
