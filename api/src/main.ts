/** The cloud node as a process: configuration, start, one ready line, stop on SIGTERM. */
import { flushCompileCache } from 'node:module'
import { TravessiaError } from '@travessia/schemas/errors'
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
  closeWithGrace({ delay: stopWithinMs, logger: false }, async ({ err }) => {
    if (err) log.fatal({ err }, 'unexpected error, stopping')
    await node.stop()
  })
  const endpoints = await node.start()
  process.stdout.write(
    `${JSON.stringify({ level: 30, time: Date.now(), msg: 'ready', ...endpoints })}\n`,
  )
  // By itself Node keeps it at a clean end only: after a kill everything would be compiled again, for seconds.
  flushCompileCache()
} catch (error) {
  process.stderr.write(`${sentenceOf(error)}\n`)
  process.exit(1)
}

/** What a person must know to mend it, in one line. */
function sentenceOf(error: unknown): string {
  const { code, port, stack, cause } = error as NodeJS.ErrnoException & { port?: number }
  if (code === 'EADDRINUSE')
    return `Port ${port} is in use by another program. Stop it, or set another TRAVESSIA_*_PORT (0 picks a free one).`
  if ((cause as NodeJS.ErrnoException | undefined)?.code === 'LEVEL_LOCKED')
    return 'The data directory is in use by another Travessia. Stop it, or set another TRAVESSIA_DATA_DIR.'
  if (error instanceof TravessiaError && Array.isArray(error.details['problems']))
    return `Configuration: ${error.details['problems'].join('; ')}.`
  return stack ?? String(error)
}
