/** The broker as a process of its own (ADR 20): configuration, start, one ready line, stop on SIGTERM. */
import { crashSignals } from '@travessia/schemas/crash-signals'
import { startFailure } from '@travessia/schemas/start-failure'
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { Broker } from './broker.ts'
import { type BrokerConfig, readConfig } from './config.ts'
import { Listeners, webSocketPath } from './listeners.ts'
import { meetOverMqtt } from './over-mqtt.ts'
import { openPersistence } from './persistence.ts'
import { RevokedAgents } from './revoked-agents.ts'
import { createTokenVerifier } from './token-verifier.ts'

const stopWithinMs = 8_000

// Sessions are for their owner only, whatever the folder allows.
process.umask(0o077)

try {
  await run(readConfig())
} catch (error) {
  process.stderr.write(`${startFailure(error)}\n`)
  process.exit(1)
}

async function run(config: BrokerConfig): Promise<void> {
  const { DATA_DIR: dataDir, REDIS_URL: redisUrl } = config
  const log = pino({ level: config.LOG_LEVEL })
  const now = Date.now
  const listeners = new Listeners({
    ...{ host: config.HOST, mqttPort: config.MQTT_PORT, wsPort: config.WS_PORT },
    ...{ maxSocketsPerIp: config.MAX_SOCKETS_PER_IP, trustedProxies: config.TRUSTED_PROXIES },
  })
  const { mqttPort, wsPort } = await listeners.bind()
  const revoked = new RevokedAgents(dataDir, now)
  const jwksUrl = new URL('/.well-known/jwks.json', config.PUBLIC_URL).href
  const broker = await Broker.create({
    verify: createTokenVerifier({ jwksUrl, revokedAt: (agentId) => revoked.at(agentId), now }),
    persistence: await openPersistence({ dataDir, redisUrl }),
    ...{ now, log },
  })
  meetOverMqtt(broker, { revoked, now, log })
  closeWithGrace({ delay: stopWithinMs, logger: false, skip: crashSignals }, async ({ err }) => {
    if (err) log.fatal({ err }, 'unexpected error, stopping')
    await listeners.stop()
    await broker.close()
  })
  listeners.open(broker)
  const urls = {
    wsUrl: `ws://localhost:${wsPort}${webSocketPath}`,
    mqttUrl: `mqtt://localhost:${mqttPort}`,
  }
  process.stdout.write(
    `${JSON.stringify({ level: 30, time: now(), msg: 'ready', jwksUrl, ...urls })}\n`,
  )
}
