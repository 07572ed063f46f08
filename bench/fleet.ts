/** Many agents at once: 200 that each get five requests a second for a minute, in open loop. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from '../rig/api.ts'
import { startEndlessDevice } from './endless.ts'
import { Visitor } from './pages.ts'
import { cpuSecondsOf } from './proc.ts'
import { launchReady } from './processes.ts'
import { figuresOf, inGroupsOf, type Row, type RowPlace } from './rows.ts'
import { newInstallation, openDevice, register, startNode, untilOnline } from './travessia.ts'

const perAgentPerSecond = 5
const processes = 2
const atOnce = 10

export async function fleet({ directory, isQuick }: RowPlace): Promise<Row> {
  mkdirSync(directory)
  const agents = isQuick ? 10 : 200
  const node = await startNode(directory, { recording: 'relaxed' })
  const api = await register(node.httpUrl)
  const { pids, installationIds } = await startAgents({ api, agents, directory }, node.httpUrl)
  const { url: baseUrl } = await startEndlessDevice(directory)
  const visitors: Visitor[] = []
  await inGroupsOf(atOnce, installationIds, async (id) => {
    const visitor = new Visitor(await openDevice(api, id, { baseUrl }))
    await visitor.ask()
    visitors.push(visitor)
  })
  await load(visitors, isQuick ? 1 : 10)
  const cpu = () => [[node.pid], pids].map(cpuSecondsOf)
  const before = cpu()
  const { times, failed } = await load(visitors, isQuick ? 2 : 60)
  const [nodeCpu = 0, agentsCpu = 0] = cpu().map((now, part) => now - (before[part] ?? 0))
  for (const visitor of visitors) visitor.leave()
  const per1000 = 1000 / (times.length + failed)
  const { p50, p95, p99 } = figuresOf(times)
  return {
    ...{ agents, requests: times.length + failed, failed },
    ...{ p50Ms: p50, p95Ms: p95, p99Ms: p99 },
    nodeCpuSecondsPer1000: nodeCpu * per1000,
    agentsCpuSecondsPer1000: agentsCpu * per1000,
  }
}

type Wish = { readonly api: Api; readonly agents: number; readonly directory: string }

async function startAgents({ api, agents, directory }: Wish, httpUrl: string) {
  const places: Array<{ installationId: string; code: string }> = []
  const wanted = Array.from({ length: agents }, (_, n) => n)
  await inGroupsOf(atOnce, wanted, async () => void places.push(await newInstallation(api)))
  const started = Array.from({ length: processes }, async (_, part) => {
    const codes = places.filter((_place, n) => n % processes === part).map(({ code }) => code)
    const { pid } = await launchReady({
      args: ['bench/fleet-agents.ts', directory, httpUrl, ...codes],
      env: { TRAVESSIA_AGENT_HEALTH_PORT: '0', TRAVESSIA_MONITOR_PORT: '0' },
      logFile: join(directory, `agents-${part}.log`),
    })
    return pid
  })
  const pids = await Promise.all(started)
  const installationIds = places.map(({ installationId }) => installationId)
  await inGroupsOf(atOnce, installationIds, (id) => untilOnline(api, id))
  return { pids, installationIds }
}

/** Each request at its time, whether or not others have been answered; ms from the time it was due. */
async function load(visitors: readonly Visitor[], seconds: number) {
  const times: number[] = []
  let failed = 0
  const everyMs = 1000 / (visitors.length * perAgentPerSecond)
  const total = Math.round((seconds * 1000) / everyMs)
  const asked: Array<Promise<void>> = []
  const begun = performance.now()
  for (let n = 0; n < total; n += 1) {
    const due = begun + n * everyMs
    while (performance.now() < due) await sleep(1)
    const visitor = visitors[n % visitors.length]
    if (!visitor) throw new TypeError('nobody asks')
    const took = () => void times.push(performance.now() - due)
    asked.push(
      visitor.ask().then(took, () => {
        failed += 1
      }),
    )
  }
  await Promise.all(asked)
  return { times, failed }
}
