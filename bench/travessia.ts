/** Travessia as its users have it: a cloud node, agents that paired with a code, devices, open sessions. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Api, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { freePort } from '../rig/free-port.ts'
import { enterSession } from '../rig/pages.ts'
import { nodeEnvironment, youngHeap } from '../scripts/children.ts'
import { type RunningBroker, startMosquitto } from './mosquitto.ts'
import { launchReady, run } from './processes.ts'
import type { Place, Running } from './variants.ts'

const password = 'bench-is-a-test'
const longestSeconds = 14_400

type Recording = 'off' | 'relaxed' | 'strict'
/** How a process of ours is started, beyond the usual. */
type Extras = {
  readonly nodeArgs?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

type Kind = {
  readonly recording: Recording
  /** Debian's mosquitto between node and agent instead of the broker in the node. */
  readonly isPlainLink?: boolean
}

export async function startTravessia(
  { directory, device, profileDir }: Place,
  { recording, isPlainLink = false }: Kind,
): Promise<Running> {
  mkdirSync(directory, { mode: 0o700 })
  const profileName = isPlainLink ? 'plain-link' : recording
  const nodeArgs =
    profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', join(profileDir, profileName)]
  const broker = isPlainLink ? await startMosquitto(directory) : undefined
  const node = await startNode(directory, { recording, nodeArgs, env: linkEnvironment(broker) })
  const api = await register(node.httpUrl)
  const agent = await startAgent({ directory, httpUrl: node.httpUrl, api }, { nodeArgs })
  const baseUrl = `http://127.0.0.1:${device.port}`
  const page = await openDevice(api, agent.installationId, { baseUrl, recording })
  const gateway = [node.pid, ...(broker ? [broker.pid] : [])]
  return { ...page, pids: { gateway, agent: [agent.pid], device: [device.pid] } }
}

function linkEnvironment(broker: RunningBroker | undefined): Record<string, string> {
  if (!broker) return {}
  return { TRAVESSIA_BROKER_URL: broker.nodeUrl, TRAVESSIA_BROKER_KEEPS_APART: '1' }
}

export type RunningNode = {
  readonly pid: number
  readonly httpUrl: string
  readonly mqttUrl: string
  /** Exchanges under way, as its metrics say. */
  streams(): Promise<number>
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** @param directory exists; `env` brings the key when the same node is to be started again */
export async function startNode(
  directory: string,
  { recording, nodeArgs = [], env = {} }: Extras & { readonly recording: Recording },
): Promise<RunningNode> {
  const logFile = join(directory, 'node.log')
  // The ready line of an earlier start is not this one's.
  rmSync(logFile, { force: true })
  const script = recording === 'off' ? 'bench/null-node.ts' : 'api/src/main.ts'
  const { pid, ready, stop } = await launchReady({
    args: [youngHeap, ...nodeArgs, script],
    env: {
      // As every launcher does.
      ...nodeEnvironment,
      TRAVESSIA_DATA_DIR: directory,
      TRAVESSIA_ENCRYPTION_KEY: newKey(),
      ...{ TRAVESSIA_HTTP_PORT: '0', TRAVESSIA_WS_PORT: '0' },
      ...{ TRAVESSIA_REMOTE_PORT: '0', TRAVESSIA_MQTT_PORT: '0' },
      ...env,
    },
    logFile,
  })
  const [httpUrl, mqttUrl] = [String(ready['httpUrl']), String(ready['mqttUrl'])]
  return {
    ...{ pid, httpUrl, mqttUrl, stop },
    async streams() {
      const metrics = await (await fetch(`${httpUrl}/metrics`)).text()
      return Number(/^travessia_tunnel_streams (\d+)$/m.exec(metrics)?.[1])
    },
  }
}

export function newKey(): string {
  return randomBytes(32).toString('hex')
}

/** The administrator of a new customer. */
export async function register(httpUrl: string, name = 'bench'): Promise<Api> {
  const api = new Api(httpUrl)
  const account = { email: `admin@${name}.travessia`, password, tenantName: name }
  const { status, body } = await api.call<{ token: string }>('POST', '/api/auth/register', account)
  if (status !== 201) throw new Error(`register: ${status} ${JSON.stringify(body)}`)
  api.token = body.token
  return api
}

export type RunningAgent = {
  readonly pid: number
  readonly installationId: string
  /** Exchanges under way, as its health page says. */
  streams(): Promise<number>
}
type AgentPlace = { readonly directory: string; readonly httpUrl: string; readonly api: Api }

/** In an installation of its own, paired with a code, ONLINE. */
export async function startAgent(
  { directory, httpUrl, api }: AgentPlace,
  { nodeArgs = [], env = {} }: Extras = {},
): Promise<RunningAgent> {
  const { installationId, code } = await newInstallation(api)
  const home = join(directory, `agent-${installationId}`)
  mkdirSync(home, { mode: 0o700 })
  const healthPort = String(await freePort())
  const agent = (...args: string[]) => ({
    args: ['agent/src/main.ts', ...args, '--config', join(home, 'config.json')],
    env: {
      ...nodeEnvironment,
      ...{ TRAVESSIA_AGENT_HEALTH_PORT: healthPort, TRAVESSIA_MONITOR_PORT: '0' },
    },
    logFile: join(home, 'agent.log'),
  })
  await run(agent('pair', code, '--url', httpUrl, '--allow-loopback'))
  const running = agent('run')
  const args = [youngHeap, ...nodeArgs, ...running.args]
  const { pid } = await launchReady({ ...running, args, env: { ...running.env, ...env } })
  await untilOnline(api, installationId)
  return {
    ...{ pid, installationId },
    async streams() {
      const health = await fetch(`http://127.0.0.1:${healthPort}/health`)
      return ((await health.json()) as { streams: number }).streams
    },
  }
}

export async function newInstallation(
  api: Api,
): Promise<{ readonly installationId: string; readonly code: string }> {
  const made = await api.call<Item>('POST', '/api/installations', { name: 'Bancada' })
  const path = `/api/installations/${made.body.id}/agent/pairing-codes`
  const { status, body } = await api.call<{ code: string }>('POST', path)
  if (status !== 201) throw new Error(`pairing code: ${status} ${JSON.stringify(body)}`)
  return { installationId: made.body.id, code: body.code }
}

export async function untilOnline(api: Api, installationId: string): Promise<void> {
  const path = `/api/installations/${installationId}/agent`
  const isOnline = async () => (await api.get<Item>(path))['status'] === 'ONLINE'
  await eventually(isOnline, { withinMs: 60_000, what: 'agent ONLINE' })
}

/** Where a browser with an open session asks, and what it brings. */
export type Page = { readonly url: string; readonly headers: Readonly<Record<string, string>> }
type DeviceWish = { readonly baseUrl: string; readonly recording?: Recording }

export async function openDevice(
  api: Api,
  installationId: string,
  { baseUrl, recording = 'off' }: DeviceWish,
): Promise<Page> {
  const policy = recording === 'off' ? 'relaxed' : recording
  return openSession(api, await registerDevice(api, installationId, { baseUrl, recording: policy }))
}

/** Its id. */
export async function registerDevice(
  api: Api,
  installationId: string,
  fields: { readonly baseUrl: string } & Record<string, unknown>,
): Promise<string> {
  const wanted = {
    ...{ name: 'Equipamento', kind: 'http', driver: 'http', viaAgent: true, maxConcurrent: 64 },
    ...fields,
  }
  const path = `/api/installations/${installationId}/devices`
  const registered = await api.call<Item>('POST', path, wanted)
  if (registered.status !== 201) throw new Error(JSON.stringify(registered.body))
  return registered.body.id
}

export async function openSession(api: Api, deviceId: string): Promise<Page> {
  const session = { ttlSeconds: longestSeconds, reason: 'bench' }
  const { base, cookie } = await enterSession(api, deviceId, session)
  const { host, port } = new URL(base)
  // Nothing resolves *.localhost outside a browser: loopback, with the session's host as Host.
  return { url: `http://127.0.0.1:${port}`, headers: { Host: host, Cookie: cookie } }
}
