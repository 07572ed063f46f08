/** `npm run rebuild`: the views anew from the log, while no node runs. 0 they were what the log says, 1 they were not, 2 not done. */
import { join } from 'node:path'
import { pino } from 'pino'
import { readConfig } from '../api/src/config.ts'
import { createIdentity } from '../api/src/identity/identity.ts'
import { openLog } from '../api/src/store/open-log.ts'
import { PersonalStore } from '../api/src/store/personal-store.ts'
import { rebuildViews } from '../api/src/views/rebuild.ts'

process.umask(0o077)
try {
  const config = readConfig()
  const log = pino({ level: 'warn' })
  const identity = await createIdentity(config)
  const store = new PersonalStore(await openLog(config, log), identity.subjectKeys)
  const begun = performance.now()
  const path = join(config.DATA_DIR, 'views.db')
  const { position, tables, differences } = await rebuildViews({ store, path, log })
  await store.close()
  identity.database.close()
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  console.log(`${tables} tables made anew from ${position} events in ${seconds} s`)
  for (const line of differences) console.log(`different before: ${line}`)
  console.log(differences.length === 0 ? 'They were what the log says.' : 'They are now.')
  process.exitCode = differences.length === 0 ? 0 : 1
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 2
}
