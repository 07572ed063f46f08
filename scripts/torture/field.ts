/**
 * A cloud node, agents that paired with a code, a network between them that can fail, and turnstiles that keep
 * count, in a data directory of their own. Node and agents are real processes, started again when they die.
 */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Api, type Item } from '../../rig/api.ts'
import { eventually } from '../../rig/eventually.ts'
import { freePort } from '../../rig/free-port.ts'
import { Network } from '../../rig/network.ts'
import { keepChild, runChild, stopChildren } from '../children.ts'
import { DevicePlug } from './device-plug.ts'

const people = ['admin', 'operator'] as const
const password = 'torture-is-a-test'

export type Gate = {
  readonly lane: number
  readonly deviceId: string
  readonly url: string
  readonly plug: DevicePlug
}
export type FieldAgent = {
  readonly installationId: string
  readonly child: () => ChildProcess
  /** Exchanges under way, as its health page says. @throws when it is not there */
  streams(): Promise<number>
  /** Steps its wall clock to this much off the true one. */
  setClock(offsetMs: number): void
}
export type Field = {
  readonly httpUrl: string
  readonly node: () => ChildProcess
  readonly network: Network
  readonly agents: readonly FieldAgent[]
  readonly gates: readonly Gate[]
  /** Signs in as one of the people; a signed-in phone. */
  phone(person: (typeof people)[number]): Promise<Api>
  /** Every agent is ONLINE. */
  isWhole(api: Api): Promise<boolean>
  stop(): Promise<void>
}

type Size = {
  /** Empty; whoever made it removes it. */
  readonly directory: string
  readonly agents: number
  readonly gatesPerAgent: number
}

export async function createField({
  directory,
  agents: count,
  gatesPerAgent,
}: Size): Promise<Field> {
  // Known before the node starts: the agents are told to dial the relay in front of it.
  const wsPort = await freePort()
  const network = new Network(wsPort)
  const node = await startNode(directory, { wsPort, relayPort: await network.start() })
  const httpUrl = String(node.ready['httpUrl'])
  const phone = (person: string) => new Api(httpUrl).signIn(`${person}@torture.travessia`, password)
  const admin = await register(httpUrl)
  const sites = await Promise.all(
    Array.from({ length: count }, (_, place) =>
      createSite({ admin, httpUrl, directory, place, gates: gatesPerAgent }),
    ),
  )
  const agents = sites.map(({ agent }) => agent)
  const gates = sites.flatMap((site) => site.gates).map((gate, lane) => ({ ...gate, lane }))
  const isWhole = async (api: Api) => {
    const states = agents.map(({ installationId }) => isOnline(api, installationId))
    return (await Promise.all(states)).every(Boolean)
  }
  await eventually(() => isWhole(admin), { withinMs: 60_000, what: 'every agent ONLINE' })
  return {
    ...{ httpUrl, node: node.child, network, agents, gates, phone, isWhole },
    async stop() {
      network.stop()
      await stopChildren()
      await Promise.all(gates.map(({ plug }) => plug.stop()))
    },
  }
}

type Ports = { readonly wsPort: number; readonly relayPort: number }

function startNode(directory: string, { wsPort, relayPort }: Ports) {
  const portOf = (url: unknown) => new URL(String(url)).port
  return keepChild(
    {
      args: ['api/src/main.ts'],
      env: {
        TRAVESSIA_DATA_DIR: directory,
        TRAVESSIA_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
        ...{ TRAVESSIA_HTTP_PORT: '0', TRAVESSIA_REMOTE_PORT: '0', TRAVESSIA_MQTT_PORT: '0' },
        TRAVESSIA_WS_PORT: String(wsPort),
        TRAVESSIA_WS_URL: `ws://127.0.0.1:${relayPort}/ws/connectors`,
        // The phones stand behind a proxy, each with its own address: request limits are per address.
        TRAVESSIA_TRUSTED_PROXIES: '127.0.0.1',
      },
      logFile: join(directory, 'node.log'),
    },
    ({ httpUrl, remoteUrl, mqttUrl }) => ({
      TRAVESSIA_HTTP_PORT: portOf(httpUrl),
      TRAVESSIA_REMOTE_PORT: portOf(remoteUrl),
      TRAVESSIA_MQTT_PORT: portOf(mqttUrl),
    }),
  )
}

async function register(httpUrl: string): Promise<Api> {
  const api = new Api(httpUrl)
  const [email, tenantName] = ['admin@torture.travessia', 'Tortura']
  const { status, body } = await api.call<{ token: string }>(
    ...(['POST', '/api/auth/register', { email, password, tenantName }] as const),
  )
  if (status !== 201) throw new Error(`register: ${status} ${JSON.stringify(body)}`)
  api.token = body.token
  const operator = { email: 'operator@torture.travessia', name: 'Op', role: 'operator', password }
  await api.call('POST', '/api/users', operator)
  return api
}

type Place = {
  readonly admin: Api
  readonly httpUrl: string
  readonly directory: string
  readonly place: number
  readonly gates: number
}

/** An installation with its turnstiles, then its agent. */
async function createSite(wanted: Place) {
  const { admin, place } = wanted
  const site = await admin.call<Item>('POST', '/api/installations', { name: `Portaria ${place}` })
  const gates: Array<Omit<Gate, 'lane'>> = []
  for (let n = 0; n < wanted.gates; n += 1) {
    const plug = new DevicePlug()
    const url = await plug.start()
    const path = `/api/installations/${site.body.id}/devices`
    const device = turnstile(`Catraca ${place}.${n}`, url)
    gates.push({ deviceId: (await admin.call<Item>('POST', path, device)).body.id, url, plug })
  }
  return { gates, agent: await startAgent(wanted, site.body.id) }
}

async function startAgent(
  { admin, httpUrl, directory }: Place,
  installationId: string,
): Promise<FieldAgent> {
  const path = `/api/installations/${installationId}/agent/pairing-codes`
  const { body } = await admin.call<{ code: string }>('POST', path)
  const home = join(directory, `agent-${installationId}`)
  mkdirSync(home, { mode: 0o700 })
  const clockFile = join(home, 'clock-offset-ms')
  const healthPort = String(await freePort())
  const agent = (...args: string[]) => ({
    args: ['agent/src/main.ts', ...args, '--config', join(home, 'config.json')],
    env: {
      TRAVESSIA_AGENT_HEALTH_PORT: healthPort,
      TRAVESSIA_MONITOR_PORT: '0',
      TORTURE_CLOCK_FILE: clockFile,
      NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'shifted-clock.ts'))}`,
    },
    logFile: join(home, 'agent.log'),
  })
  await runChild(agent('pair', body.code, '--url', httpUrl, '--allow-loopback'))
  const { child } = await keepChild(agent('run'))
  const setClock = (offsetMs: number) => writeFileSync(clockFile, String(offsetMs))
  const streams = async () => {
    const health = await fetch(`http://127.0.0.1:${healthPort}/health`)
    return ((await health.json()) as { streams: number }).streams
  }
  return { installationId, child, streams, setClock }
}

async function isOnline(api: Api, installationId: string): Promise<boolean> {
  const path = `/api/installations/${installationId}/agent`
  const answer = await api.call<{ status: string }>('GET', path).catch(() => undefined)
  return answer?.body.status === 'ONLINE'
}

function turnstile(name: string, baseUrl: string) {
  const credentials = { login: 'admin', password: 'admin' }
  return { name, kind: 'turnstile', driver: 'control-id', baseUrl, viaAgent: true, credentials }
}
