/** Addresses of this node as others dial them: those that are configured, else of the ports that it listens on. */
import type { Config } from './config.ts'
import type { Endpoints } from './services.ts'

/** The address that may be shown, and the credential that may not. */
export function brokerAt(brokerUrl: string): {
  address: string
  username?: string
  password?: string
} {
  const url = new URL(brokerUrl)
  const [username, password] = [url.username, url.password].map(decodeURIComponent)
  url.username = ''
  url.password = ''
  const credential = { ...(username && { username }), ...(password && { password }) }
  return { address: url.href, ...credential }
}

type Ports = { httpPort: number; remotePort: number; wsPort: number; mqttPort: number }

export function portsOf({ HTTP_PORT, REMOTE_PORT, WS_PORT, MQTT_PORT }: Config): Ports {
  return { httpPort: HTTP_PORT, remotePort: REMOTE_PORT, wsPort: WS_PORT, mqttPort: MQTT_PORT }
}

export function endpointsOf(
  config: Config,
  { httpPort, remotePort, wsPort, mqttPort }: Ports,
): Endpoints {
  const other = config.BROKER_URL && brokerAt(config.BROKER_URL).address
  return {
    httpUrl: config.PUBLIC_URL ?? `http://localhost:${httpPort}`,
    remoteUrl: config.REMOTE_URL ?? `http://remote.localhost:${remotePort}`,
    wsUrl: config.WS_URL ?? other ?? `ws://localhost:${wsPort}/ws/connectors`,
    mqttUrl: other ?? `mqtt://localhost:${mqttPort}`,
  }
}
