/** A browser that leaves a stream: how soon the device's socket is closed, and whether anything is left. */
import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../rig/eventually.ts'
import { type EndlessDevice, sharedNow, startEndlessDevice, watch } from './endless.ts'
import { figuresOf, type Row, type RowPlace } from './rows.ts'
import { openDevice, type Page, register, startAgent, startNode } from './travessia.ts'

const bytesBefore = 256 * 1024
const together = 20

export async function abort({ directory, isQuick }: RowPlace): Promise<Row> {
  mkdirSync(directory)
  const node = await startNode(directory, { recording: 'relaxed' })
  const api = await register(node.httpUrl)
  const agent = await startAgent({ directory, httpUrl: node.httpUrl, api })
  const device = await startEndlessDevice(directory)
  const page = await openDevice(api, agent.installationId, { baseUrl: device.url })
  const rounds = isQuick ? { warm: 2, one: 10, many: 1 } : { warm: 10, one: 100, many: 5 }
  const series = async (count: number, viewers: number) => {
    const times: number[] = []
    for (let n = 0; n < count; n += 1)
      times.push(...(await leaveAtOnce({ page, device }, `${viewers}-${count}-${n}`, viewers)))
    return figuresOf(times)
  }
  await series(rounds.warm, 1)
  const one = await series(rounds.one, 1)
  const many = await series(rounds.many, together)
  const streams = async () => (await node.streams()) + (await agent.streams())
  await eventually(async () => (await streams()) === 0, { withinMs: 5_000 }).catch(() => undefined)
  return {
    ...{ oneStreamMedianMs: one.p50, oneStreamP95Ms: one.p95 },
    ...{ twentyStreamsMedianMs: many.p50, twentyStreamsP95Ms: many.p95 },
    streamsLeft: await streams(),
  }
}

type World = { readonly page: Page; readonly device: EndlessDevice }

/** So many viewers who all read; they leave in the same moment. ms until the device's socket closed, each. */
async function leaveAtOnce({ page, device }: World, name: string, count: number) {
  const names = Array.from({ length: count }, (_, n) => `${name}-${n}`)
  const viewers = await Promise.all(names.map((one) => watch(page, one)))
  await Promise.all(viewers.map((viewer) => viewer.take(bytesBefore)))
  for (const viewer of viewers) viewer.read()
  await sleep(50)
  const left = sharedNow()
  for (const viewer of viewers) viewer.leave()
  const closed = await Promise.all(names.map((one) => device.closed(one)))
  return closed.map((at) => at - left)
}
