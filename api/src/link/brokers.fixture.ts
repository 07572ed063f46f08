/** Our broker on loopback, as a link's test needs it. A token is the credential itself as JSON. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Broker } from '@travessia/broker/broker'
import { Listeners } from '@travessia/broker/listeners'
import { openPersistence } from '@travessia/broker/persistence'
import type { Credential } from '@travessia/broker/principal'
import { pino } from 'pino'
import type { RunningBroker } from '../../../rig/mosquitto.ts'

const local = '127.0.0.1'
export const log = pino({ level: 'silent' })

type OwnBroker = RunningBroker & { readonly broker: Broker; readonly wsUrl: string }

export async function startOwnBroker(mqttPort = 0): Promise<OwnBroker> {
  const dataDir = mkdtempSync(join(tmpdir(), 'travessia-link-'))
  const broker = await Broker.create({
    verify: async (token) => JSON.parse(token) as Credential,
    persistence: await openPersistence({ dataDir }),
    ...{ now: Date.now, log },
  })
  const listeners = new Listeners({
    ...{ host: local, mqttPort, wsPort: 0, maxSocketsPerIp: 100, trustedProxies: [] },
  })
  const ports = await listeners.bind()
  listeners.open(broker)
  return {
    broker,
    mqttUrl: `mqtt://${local}:${ports.mqttPort}`,
    wsUrl: `ws://${local}:${ports.wsPort}/ws/connectors`,
    async stop() {
      await listeners.stop()
      await broker.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
