/** Writes to sockets a small request costs the node and the agent: each runs the receiver's TCP input (MQTT 10.3). */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { medianOf, type Row, type RowPlace } from './rows.ts'
import { openDevice, register, startAgent, startNode } from './travessia.ts'
import { wrk } from './wrk.ts'

const connections = 16

type Counted = { readonly pid: number; readonly file: string }

export async function writes({ directory, isQuick, device }: RowPlace): Promise<Row> {
  mkdirSync(directory)
  const { port } = await device()
  const file = (part: string) => join(directory, `${part}.writes`)
  const counting = (part: string) => ({
    nodeArgs: ['--import', './bench/count-writes.ts'],
    env: { BENCH_WRITES_FILE: file(part) },
  })
  const node = await startNode(directory, { recording: 'off', ...counting('gateway') })
  const api = await register(node.httpUrl)
  const agent = await startAgent({ directory, httpUrl: node.httpUrl, api }, counting('agent'))
  const page = await openDevice(api, agent.installationId, {
    baseUrl: `http://127.0.0.1:${port}`,
  })
  const parts = [
    { pid: node.pid, file: file('gateway') },
    { pid: agent.pid, file: file('agent') },
  ]
  const load = { ...page, url: `${page.url}/1k`, connections }
  await wrk({ ...load, seconds: isQuick ? 2 : 5 })
  const rounds: number[][] = []
  for (let round = 0; round < (isQuick ? 1 : 5); round += 1) {
    const before = await Promise.all(parts.map(countOf))
    const { requests } = await wrk({ ...load, seconds: isQuick ? 1 : 2 })
    const after = await Promise.all(parts.map(countOf))
    rounds.push(after.map((count, part) => (count - (before[part] ?? 0)) / requests))
  }
  const median = (part: number) => medianOf(rounds.map((round) => round[part] ?? Number.NaN))
  return { gatewayWritesPerRequest: median(0), agentWritesPerRequest: median(1) }
}

async function countOf({ pid, file }: Counted): Promise<number> {
  rmSync(file, { force: true })
  process.kill(pid, 'SIGUSR2')
  while (!existsSync(file)) await sleep(5)
  return Number(readFileSync(file, 'utf8'))
}
