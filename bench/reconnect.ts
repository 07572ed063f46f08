/** 2,000 agents whose node is killed and started again: how soon all are back, and what an idle one costs the node. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Api } from '../rig/api.ts'
import { freePort } from '../rig/free-port.ts'
import { BareAgent } from './bare-agents.ts'
import { cpuSecondsOf, memoryMbOf } from './proc.ts'
import { inGroupsOf, type Row, type RowPlace } from './rows.ts'
import { newInstallation, newKey, type RunningNode, register, startNode } from './travessia.ts'

/** A customer may have 2,000 connections. */
const agentsPerCustomer = 500
const atOnce = 8
const backWithinMs = 180_000
const lookMs = 5

export async function reconnect({ directory, isQuick }: RowPlace): Promise<Row> {
  mkdirSync(directory)
  const count = isQuick ? 50 : 2_000
  const env = await sameEachTime(directory)
  const start = () => startNode(directory, { recording: 'relaxed', env })
  const node = await start()
  const agents = await pairAgents(node, count)
  // Between pairing and connecting, so that only the connections make the difference.
  await sleep(isQuick ? 1_000 : 10_000)
  const memoryBefore = memoryMbOf([node.pid], 'VmRSS')
  for (const agent of agents) agent.start()
  await comingBack(agents)
  const idle = await idleCost(node, isQuick ? 1 : 60)
  const killed = performance.now()
  await node.stop('SIGKILL')
  while (agents.some(({ isUp }) => isUp)) await sleep(lookMs)
  const back = comingBack(agents)
  const again = await start()
  const ready = performance.now()
  const readyCpuSeconds = cpuSecondsOf([again.pid])
  const { first, last } = await back
  const cpuSeconds = cpuSecondsOf([again.pid]) - readyCpuSeconds
  for (const agent of agents) agent.stop()
  return {
    ...{ agents: count, nodeReadySeconds: (ready - killed) / 1000 },
    ...{ firstBackSeconds: (first - killed) / 1000, allBackSeconds: (last - killed) / 1000 },
    allBackAfterReadySeconds: (last - ready) / 1000,
    connectionsPerSecond: (2 * count) / ((last - first) / 1000),
    nodeCpuSecondsUntilReady: readyCpuSeconds,
    nodeCpuMsPerConnection: (cpuSeconds * 1000) / (2 * count),
    idleAgentMemoryKb: ((idle.memoryMb - memoryBefore) * 1024) / count,
    idleAgentCpuMsPerMinute: (idle.cpuSecondsPerSecond * 60_000) / count,
  }
}

/** Ports and key of a node that will be started again. */
async function sameEachTime(directory: string): Promise<Record<string, string>> {
  const ports: Record<string, string> = {}
  for (const name of ['HTTP', 'WS', 'REMOTE', 'MQTT'])
    ports[`TRAVESSIA_${name}_PORT`] = String(await freePort())
  return {
    ...{ ...ports, TRAVESSIA_ENCRYPTION_KEY: newKey() },
    // As every launcher does.
    NODE_COMPILE_CACHE: join(directory, 'compile-cache'),
    // Those who pair come from many places: requests are limited per address.
    TRAVESSIA_TRUSTED_PROXIES: '127.0.0.1',
  }
}

async function pairAgents({ httpUrl, mqttUrl }: RunningNode, count: number): Promise<BareAgent[]> {
  const agents: BareAgent[] = []
  const customers: Api[] = []
  for (let n = 0; n * agentsPerCustomer < count; n += 1)
    customers.push(fromManyPlaces(await register(httpUrl, `bench-${n}`)))
  const stranger = fromManyPlaces(new Api(httpUrl))
  const places = Array.from({ length: count }, (_, n) => customers[n % customers.length])
  await inGroupsOf(atOnce, places, async (api) => {
    if (!api) throw new TypeError('no customer')
    const { code } = await newInstallation(api)
    const { publicKey } = generateKeyPairSync('ed25519')
    const body = { code, publicKey: publicKey.export({ format: 'jwk' }), hostname: 'bench' }
    const paired = await stranger.call<Record<'tenantId' | 'agentId' | 'token', string>>(
      ...(['POST', '/api/agents/pair', body] as const),
    )
    if (paired.status !== 201) throw new Error(JSON.stringify(paired.body))
    agents.push(new BareAgent(paired.body, mqttUrl))
  })
  return agents
}

function fromManyPlaces(api: Api): Api {
  const call = api.call.bind(api)
  let place = 0
  api.call = (method, path, body, headers = {}) => {
    place += 1
    const from = `10.${(place >> 16) & 255}.${(place >> 8) & 255}.${place & 255}`
    return call(method, path, body, { ...headers, 'x-forwarded-for': from })
  }
  return api
}

/** When the first and the last of them had both connections. */
async function comingBack(agents: readonly BareAgent[]): Promise<{ first: number; last: number }> {
  const end = performance.now() + backWithinMs
  const when = async (are: () => boolean) => {
    for (; performance.now() < end; await sleep(lookMs)) if (are()) return performance.now()
    const missing = agents.filter(({ isUp }) => !isUp).length
    throw new Error(`${missing} of ${agents.length} agents are not connected`)
  }
  const first = await when(() => agents.some(({ isUp }) => isUp))
  return { first, last: await when(() => agents.every(({ isUp }) => isUp)) }
}

async function idleCost({ pid }: RunningNode, seconds: number) {
  const before = cpuSecondsOf([pid])
  await sleep(seconds * 1000)
  const cpuSecondsPerSecond = (cpuSecondsOf([pid]) - before) / seconds
  return { cpuSecondsPerSecond, memoryMb: memoryMbOf([pid], 'VmRSS') }
}
