/** Requests through each way in turn: how many, how soon, and what processor time the whole path took for them. */
import { request as httpRequest } from 'node:http'
import { loadavg } from 'node:os'
import { digestOf, type FilePath, sizes } from './device.ts'
import { cpuSecondsOf, machineTime, memoryMbOf } from './proc.ts'
import type { Samples } from './samples.ts'
import type { Way } from './variants.ts'
import { wrk } from './wrk.ts'

type Load = {
  readonly title: string
  readonly path: FilePath
  readonly connections: number
}

const small = (connections: number): Load => ({
  ...{ title: `1 KiB, ${connections} connection${connections === 1 ? '' : 's'}` },
  ...{ path: '/1k', connections },
})

export const requestLoads: readonly Load[] = [small(1), small(16), small(64)]
export const bulkLoads: readonly Load[] = [
  { title: '100 KiB, 16 connections', path: '/100k', connections: 16 },
  { title: '10 MiB, 1 connection', path: '/10m', connections: 1 },
  { title: '10 MiB, 4 connections', path: '/10m', connections: 4 },
]

export type Pace = {
  readonly rounds: number
  readonly warmSeconds: number
  readonly seconds: number
}

/** Each round visits every way, in turned order every other time, so that a slow minute hits all alike. */
export async function measureLoads(
  ways: readonly Way[],
  loads: readonly Load[],
  { pace, samples }: { pace: Pace; samples: Samples },
): Promise<void> {
  const warmSeconds = Math.ceil(pace.warmSeconds / loads.length)
  if (warmSeconds > 0)
    for (const way of ways) for (const load of loads) await measure(way, load, warmSeconds)
  for (let round = 0; round < pace.rounds; round += 1) {
    for (const way of round % 2 === 0 ? ways : ways.toReversed())
      for (const load of loads)
        samples.add(load.title, way.name, await measure(way, load, pace.seconds))
  }
}

/** The same bytes as at the device. @throws Error */
export async function verify(way: Way, digests: Readonly<Record<FilePath, string>>): Promise<void> {
  for (const path of Object.keys(sizes) as FilePath[]) {
    const body = await bodyOf(way, path)
    if (digestOf(body) !== digests[path])
      throw new Error(`${way.name}: ${path} came back altered (${body.length} bytes)`)
  }
}

async function measure(way: Way, { path, connections }: Load, seconds: number) {
  const { gateway, agent, device } = way.pids
  const before = { machine: machineTime(), cpu: [gateway, agent, device].map(cpuSecondsOf) }
  const loaded = await wrk({ ...way, url: way.url + path, connections, seconds })
  const cpu = [gateway, agent, device].map(cpuSecondsOf)
  const machine = machineTime()
  const [gatewayCpu = 0, agentCpu = 0, deviceCpu = 0] = cpu.map(
    (now, i) => now - (before.cpu[i] ?? 0),
  )
  const pathCpu = gatewayCpu + agentCpu + deviceCpu
  const { requests, bytes, p50, p95, p99, failed } = loaded
  const ownCpu = pathCpu + loaded.cpuSeconds
  const busy = machine.busySeconds - before.machine.busySeconds
  const [per1000, perGb] = [1000 / requests, 1e9 / bytes]
  return {
    requestsPerSecond: requests / loaded.seconds,
    mbPerSecond: bytes / 1e6 / loaded.seconds,
    ...{ p50, p95, p99, failed },
    cpuPer1000: pathCpu * per1000,
    gatewayPer1000: gatewayCpu * per1000,
    agentPer1000: agentCpu * per1000,
    cpuPerGb: pathCpu * perGb,
    gatewayPerGb: gatewayCpu * perGb,
    agentPerGb: agentCpu * perGb,
    rssMb: memoryMbOf([...gateway, ...agent], 'VmRSS'),
    stealCores: (machine.stealSeconds - before.machine.stealSeconds) / loaded.seconds,
    foreignCores: Math.max(0, busy - ownCpu) / loaded.seconds,
    load: loadavg()[0] ?? 0,
  }
}

function bodyOf({ url, headers }: Way, path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url + path, { headers, agent: false }, async (response) => {
      const chunks: Buffer[] = []
      try {
        for await (const chunk of response) chunks.push(chunk as Buffer)
        if (response.statusCode === 200) resolve(Buffer.concat(chunks))
        else reject(new Error(`${path} answered ${response.statusCode}`))
      } catch (error) {
        reject(error)
      }
    })
    request.once('error', reject).end()
  })
}
