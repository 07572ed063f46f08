/** What stands still or asks too much: memory beside a viewer who does not read, and what others wait for it. */
import { mkdirSync } from 'node:fs'
import { type EndlessDevice, startEndlessDevice, watch } from './endless.ts'
import { Visitor } from './pages.ts'
import { memoryMbOf } from './proc.ts'
import { figuresOf, type Row, type RowPlace } from './rows.ts'
import {
  openDevice,
  type Page,
  type RunningAgent,
  type RunningNode,
  register,
  startAgent,
  startNode,
} from './travessia.ts'

const mebibyte = 1024 * 1024
/** So that buffers, windows and compiled code are there before memory is compared. */
const warmBytes = 200 * mebibyte
const quickWarmBytes = 30 * mebibyte
const bytesBeforeStall = 20 * mebibyte
const uploads = 4
const uploadBytes = 8 * mebibyte
const timesTheLoad = 10
const warmSeconds = 5
/** Longer than the broker waits for a reader that stands still. */
const measuredSeconds = 12

type Site = { readonly agent: RunningAgent; readonly page: Page; readonly visitor: Visitor }
type World = {
  readonly node: RunningNode
  readonly device: EndlessDevice
  /** The one who is in the way; a customer of its own. */
  readonly busy: Site
  readonly other: Site
  readonly seconds: number
  readonly warmBytes: number
}

export async function stalled({ directory, isQuick }: RowPlace): Promise<Row> {
  mkdirSync(directory)
  const node = await startNode(directory, { recording: 'relaxed' })
  const device = await startEndlessDevice(directory)
  const site = async (name: string): Promise<Site> => {
    const api = await register(node.httpUrl, name)
    const agent = await startAgent({ directory, httpUrl: node.httpUrl, api })
    const page = await openDevice(api, agent.installationId, { baseUrl: device.url })
    const visitor = new Visitor(page)
    await visitor.times(isQuick ? 0.5 : warmSeconds)
    return { agent, page, visitor }
  }
  const pace = isQuick
    ? { seconds: 1, warmBytes: quickWarmBytes }
    : { seconds: measuredSeconds, warmBytes }
  const [busy, other] = await Promise.all([site('busy'), site('other')])
  const world = { node, device, busy, other, ...pace }
  const growth = await besideStalledViewer(world)
  const row = {
    viewerGrowthMb: growth,
    ...named('stalledAgent', await besideStalledAgent(world)),
    ...named('tenfoldLoad', await besideTenfoldLoad(world)),
  }
  for (const { visitor } of [busy, other]) visitor.leave()
  return row
}

async function besideStalledViewer({ node, device, busy, ...pace }: World): Promise<number> {
  const memory = () => memoryMbOf([node.pid, busy.agent.pid], 'VmRSS')
  const first = await watch(busy.page, 'warm')
  await first.take(pace.warmBytes)
  await device.still('warm')
  first.leave()
  await device.closed('warm')
  const before = memory()
  const viewer = await watch(busy.page, 'stalled')
  await viewer.take(bytesBeforeStall)
  await device.still('stalled')
  const growth = memory() - before
  viewer.leave()
  await device.closed('stalled')
  return growth
}

type Beside = { readonly alone: readonly number[]; readonly beside: readonly number[] }

/** It stands still while four uploads to it are under way. */
async function besideStalledAgent({ busy, other, seconds }: World): Promise<Beside> {
  const alone = await other.visitor.times(seconds)
  const body = Buffer.alloc(uploadBytes)
  process.kill(busy.agent.pid, 'SIGSTOP')
  // What was cut meanwhile is no figure of this row.
  const sent = Promise.allSettled(
    Array.from({ length: uploads }, () => busy.visitor.ask('/upload', body)),
  )
  try {
    return { alone, beside: await other.visitor.times(seconds) }
  } finally {
    process.kill(busy.agent.pid, 'SIGCONT')
    await sent
  }
}

/** Ten visitors of one customer against one of another, each asking as soon as it has its answer. */
async function besideTenfoldLoad({ busy, other, seconds }: World): Promise<Beside> {
  const alone = await other.visitor.times(seconds)
  let isOver = false
  const load = Array.from({ length: timesTheLoad }, async () => {
    while (!isOver) await busy.visitor.ask()
  })
  const measured = other.visitor.times(seconds).finally(() => {
    isOver = true
  })
  const [beside] = await Promise.all([measured, ...load])
  return { alone, beside }
}

function named(what: string, { alone, beside }: Beside): Row {
  return {
    [`${what}LongestMs`]: Math.max(...beside),
    [`${what}LongestAloneMs`]: Math.max(...alone),
    [`${what}P95Ms`]: figuresOf(beside).p95,
    [`${what}P95AloneMs`]: figuresOf(alone).p95,
  }
}
