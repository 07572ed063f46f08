/** The cloud node as a process: configuration, start, one ready line, stop on SIGTERM. */
import { flushCompileCache } from 'node:module'
import { crashSignals } from '@travessia/schemas/crash-signals'
import { startFailure } from '@travessia/schemas/start-failure'
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { readConfig } from './config.ts'
import { bindFrontDoor } from './front-door.ts'

const stopWithinMs = 8_000

// Databases and keys are for their owner only, whatever the folder allows.
process.umask(0o077)

try {
  const config = readConfig()
  const door = await bindFrontDoor(config)
  const log = pino({ level: config.LOG_LEVEL })
  // Loaded only now: it takes most of a second, in which a fleet would dial in vain.
  const { createCloudNode } = await import('./cloud-node.ts')
  const node = await createCloudNode(config, log, { door })
  const starting = node.start()
  closeWithGrace({ delay: stopWithinMs, logger: false, skip: crashSignals }, async ({ err }) => {
    if (err) log.fatal({ err }, 'unexpected error, stopping')
    // Half started, it would find closed what it wants to open.
    await starting.catch(() => undefined)
    await node.stop()
  })
  const endpoints = await starting
  process.stdout.write(
    `${JSON.stringify({ level: 30, time: Date.now(), msg: 'ready', ...endpoints })}\n`,
  )
  // By itself Node keeps it at a clean end only: after a kill everything would be compiled again, for seconds.
  flushCompileCache()
} catch (error) {
  process.stderr.write(`${startFailure(error)}\n`)
  process.exit(1)
}
