/**
 * The ports of the broker in this process, bound before all else is loaded: a fleet whose node was killed dials at once, and
 * waits where it would be refused and pause.
 */
import { Listeners } from '@travessia/broker/listeners'
import type { Config } from './config.ts'

export type FrontDoor = {
  readonly listeners: Listeners
  readonly ports: { readonly mqttPort: number; readonly wsPort: number }
}

/** undefined: there is another broker. @throws the listen error (EADDRINUSE) with its port */
export async function bindFrontDoor(config: Config): Promise<FrontDoor | undefined> {
  if (config.BROKER_URL) return undefined
  const listeners = new Listeners({
    ...{ host: config.HOST, mqttPort: config.MQTT_PORT, wsPort: config.WS_PORT },
    ...{ maxSocketsPerIp: config.MAX_SOCKETS_PER_IP, trustedProxies: config.TRUSTED_PROXIES },
  })
  return { listeners, ports: await listeners.bind() }
}
