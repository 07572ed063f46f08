/** `run`: the agent itself, until SIGTERM. */
import { pino } from 'pino'
import { Agent } from '../agent.ts'
import { isReadableByOthers, readEnvironment } from '../config.ts'
import { readArguments, requirePaired } from './arguments.ts'
import { notifySystemd } from './systemd.ts'

const stopWithinMs = 10_000

export async function run(args: string[]): Promise<void> {
  const environment = readEnvironment()
  const { configPath } = readArguments(args)
  const config = requirePaired(configPath)
  const { agentId, tenantId } = config
  const log = pino({ level: environment.logLevel, base: { agentId, tenantId } })
  if (isReadableByOthers(configPath))
    log.warn({ configPath }, 'others of this host can read the keys')
  const agent = new Agent({ config, configPath, environment, log })
  const stop = () => {
    setTimeout(() => process.exit(1), stopWithinMs).unref()
    void agent.stop().then(() => process.exit(0))
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  // For systemd the service is up when it tries: being offline is not a failure.
  if (environment.hasSystemd) notifySystemd(environment.watchdogMs, () => agent.isWorking)
  await agent.start()
  // Whoever starts it waits for this line, whatever is logged.
  const ready = { level: 30, time: Date.now(), agentId, tenantId, msg: 'ready' }
  process.stdout.write(`${JSON.stringify(ready)}\n`)
}
