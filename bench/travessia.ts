/** One Travessia as its users have it: a cloud node, an agent that paired with a code, a device, an open session. */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { youngHeap } from '../scripts/children.ts'
import { Api, enterSession, eventually, type Item } from '../test/stack.ts'
import { type RunningBroker, startMosquitto } from './mosquitto.ts'
import { launchReady, run } from './processes.ts'
import type { Place, Running } from './variants.ts'

const account = { email: 'admin@bench.travessia', password: 'bench-is-a-test', tenantName: 'Bench' }
const longestSeconds = 14_400

export type Kind = {
  readonly recording: 'off' | 'relaxed' | 'strict'
  /** Debian's mosquitto between node and agent instead of the broker in the node. */
  readonly isPlainLink?: boolean
}

export async function startTravessia(
  place: Place,
  { recording, isPlainLink = false }: Kind,
): Promise<Running> {
  const { directory, device, profileDir } = place
  mkdirSync(directory, { mode: 0o700 })
  const profileName = isPlainLink ? 'plain-link' : recording
  const profile =
    profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', join(profileDir, profileName)]
  const broker = isPlainLink ? await startMosquitto(directory) : undefined
  const node = await launchReady({
    args: [youngHeap, ...profile, recording === 'off' ? 'bench/null-node.ts' : 'api/src/main.ts'],
    env: nodeEnvironment(directory, broker),
    logFile: join(directory, 'node.log'),
  })
  const httpUrl = String(node.ready['httpUrl'])
  const api = await register(httpUrl)
  const site = (await api.call<Item>('POST', '/api/installations', { name: 'Bancada' })).body.id
  const deviceBody = {
    ...{ name: 'Equipamento', kind: 'http', driver: 'http', viaAgent: true, maxConcurrent: 64 },
    ...{ baseUrl: `http://127.0.0.1:${device.port}` },
    recording: recording === 'off' ? 'relaxed' : recording,
  }
  const path = `/api/installations/${site}`
  const registered = await api.call<Item>('POST', `${path}/devices`, deviceBody)
  if (registered.status !== 201) throw new Error(JSON.stringify(registered.body))
  const { body } = await api.call<{ code: string }>('POST', `${path}/agent/pairing-codes`)
  const agent = (...args: string[]) => ({
    args: ['agent/src/main.ts', ...args, '--config', join(directory, 'agent', 'config.json')],
    env: { TRAVESSIA_AGENT_HEALTH_PORT: '0', TRAVESSIA_MONITOR_PORT: '0' },
    logFile: join(directory, 'agent.log'),
  })
  await run(agent('pair', body.code, '--url', httpUrl, '--allow-loopback'))
  const running = agent('run')
  const { pid } = await launchReady({ ...running, args: [youngHeap, ...profile, ...running.args] })
  await eventually(async () => (await api.get<Item>(`${path}/agent`))['status'] === 'ONLINE', {
    what: 'agent ONLINE',
  })
  const session = { ttlSeconds: longestSeconds, reason: 'bench' }
  const { base, cookie } = await enterSession(api, registered.body.id, session)
  const { host, port } = new URL(base)
  return {
    // Nothing resolves *.localhost outside a browser: loopback, with the session's host as Host.
    ...{ url: `http://127.0.0.1:${port}`, headers: { Host: host, Cookie: cookie } },
    pids: {
      gateway: [node.pid, ...(broker ? [broker.pid] : [])],
      agent: [pid],
      device: [device.pid],
    },
  }
}

function nodeEnvironment(directory: string, broker?: RunningBroker): Record<string, string> {
  return {
    TRAVESSIA_DATA_DIR: directory,
    TRAVESSIA_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    ...{ TRAVESSIA_HTTP_PORT: '0', TRAVESSIA_WS_PORT: '0' },
    ...{ TRAVESSIA_REMOTE_PORT: '0', TRAVESSIA_MQTT_PORT: '0' },
    ...(broker && { TRAVESSIA_BROKER_URL: broker.nodeUrl, TRAVESSIA_BROKER_KEEPS_APART: '1' }),
  }
}

async function register(httpUrl: string): Promise<Api> {
  const api = new Api(httpUrl)
  const { status, body } = await api.call<{ token: string }>('POST', '/api/auth/register', account)
  if (status !== 201) throw new Error(`register: ${status} ${JSON.stringify(body)}`)
  api.token = body.token
  return api
}
