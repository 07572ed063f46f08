/** `npm run rebuild`: the views anew from the log, while no node runs. 0 they were what the log says, 1 they were not, 2 not done. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { endInFailure, readArguments } from '../api/src/command-line.ts'
import { type Config, readDataConfig } from '../api/src/config.ts'
import { createIdentity } from '../api/src/identity/identity.ts'
import { openLog } from '../api/src/store/open-log.ts'
import { PersonalStore } from '../api/src/store/personal-store.ts'
import { type Rebuilt, rebuildViews, requireUnused } from '../api/src/views/rebuild.ts'

process.umask(0o077)
readArguments('Usage: npm run rebuild   (of TRAVESSIA_DATA_DIR, while no node runs)', {})
try {
  const begun = performance.now()
  const { position, tables, differences } = await rebuild(readDataConfig())
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  console.log(`${tables} tables made anew from ${position} events in ${seconds} s`)
  for (const line of differences) console.log(`different before: ${line}`)
  console.log(differences.length === 0 ? 'They were what the log says.' : 'They are now.')
  process.exitCode = differences.length === 0 ? 0 : 1
} catch (error) {
  endInFailure(error)
}

/** Nothing is opened that a node has open. */
async function rebuild(config: Config): Promise<Rebuilt> {
  const path = join(config.DATA_DIR, 'views.db')
  if (!config.DATABASE_URL && !existsSync(join(config.DATA_DIR, 'events.db')))
    throw new RangeError(`there is no log in ${config.DATA_DIR}`)
  requireUnused(path)
  const log = pino({ level: 'warn' })
  const identity = await createIdentity(config)
  const store = new PersonalStore(await openLog(config, log), identity.subjectKeys)
  try {
    return await rebuildViews({ store, path, log })
  } finally {
    await store.close()
    identity.database.close()
  }
}
