/** `npm run move-log`: the log of `events.db` into the database of TRAVESSIA_DATABASE_URL, while no node runs. 0 moved, 2 not. */
import { join } from 'node:path'
import { pino } from 'pino'
import { endInFailure, readArguments } from '../api/src/command-line.ts'
import { readConfig } from '../api/src/config.ts'
import { moveLog } from '../api/src/store/move-log.ts'

readArguments('Usage: npm run move-log   (from TRAVESSIA_DATA_DIR to TRAVESSIA_DATABASE_URL)', {})
try {
  const { DATA_DIR, DATABASE_URL } = readConfig(undefined, { needsKey: false })
  if (!DATABASE_URL) throw new RangeError('TRAVESSIA_DATABASE_URL does not say where to')
  const begun = performance.now()
  const path = join(DATA_DIR, 'events.db')
  const { events, kept } = await moveLog({ path, url: DATABASE_URL, log: pino({ level: 'warn' }) })
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  console.log(`${events} events moved in ${seconds} s. The file is kept as ${kept}.`)
} catch (error) {
  endInFailure(error)
}
