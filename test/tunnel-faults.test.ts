/**
 * Every fault between browser and device, with an exchange of every kind under way: each ends in a defined way and
 * soon, the next ones work as soon as the agent is back, and nothing is left.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../rig/eventually.ts'
import { Network, throughNetwork } from '../rig/network.ts'
import { type OwnAgent, pairOwnAgent, registerDevice } from '../rig/own-agent.ts'
import { enterSession } from '../rig/pages.ts'
import { ended } from '../rig/processes.ts'
import type { Entered } from '../rig/session-client.ts'
import { SteadyDevice } from '../rig/steady-device.ts'
import {
  download,
  echo,
  events,
  type Outcome,
  type Running,
  silence,
  small,
  upload,
} from '../rig/traffic.ts'
import { type BareNode, startBareNode } from './bare-node.ts'
import { nothingLeft } from './own-site.ts'

const backWithinMs = 10_000
const device = new SteadyDevice()
let node: BareNode
let network: Network
let agent: OwnAgent
let session: Entered

beforeAll(async () => {
  node = await startBareNode()
  network = new Network(Number(new URL(node.wsUrl).port))
  agent = await pairOwnAgent(node, node.admin, 'Rede com falhas')
  throughNetwork(agent.configPath, await network.start())
  await agent.run()
  const fields = { name: 'Constante', baseUrl: await device.start() }
  const { id } = await registerDevice(node.admin, agent.installationId, fields)
  session = await enterSession(node.admin, id)
})

afterAll(async () => {
  agent?.process.kill('SIGKILL')
  network?.stop()
  await device.stop()
  await node?.stop()
})

/** Would go on for minutes. */
const slowly = { count: 100_000_000, everyMs: 20 }

async function everyKind(): Promise<Running[]> {
  const running = [
    download(session, slowly),
    download(session, { ...slowly, chunked: true }),
    upload(session, slowly),
    events(session, { count: 10_000, everyMs: 20 }),
    echo(session, { count: 10_000, everyMs: 20 }),
    silence(session),
  ]
  await Promise.all(running.map(({ begun }) => begun))
  await eventually(async () => device.open === running.length, { what: 'all under way' })
  return running
}

async function outcomes(running: readonly Running[], withinMs: number): Promise<Outcome[]> {
  const late = new Promise<never>((_resolve, reject) =>
    setTimeout(() => reject(new Error(`not ended within ${withinMs} ms`)), withinMs).unref(),
  )
  return Promise.race([Promise.all(running.map((one) => one.ended)), late])
}

/** None is whole, none wrong; what had no answer yet is told why, unless the node itself is gone. */
async function expectBroken(running: readonly Running[], withinMs: number, codes: RegExp) {
  const all = await outcomes(running, withinMs)
  expect(all.filter(({ isWhole, problem }) => isWhole || problem !== undefined)).toEqual([])
  const [, , up, , socket, silent] = all
  for (const one of [up, silent]) expect(one?.code ?? String(one?.status)).toMatch(codes)
  expect(socket?.code).toMatch(/^(1001|1006|1011)$/)
}

async function worksAgain(): Promise<void> {
  const isBack = async () => (await small(session, 'back').ended).isWhole
  await eventually(isBack, { withinMs: backWithinMs, what: 'an answer' })
  const again = [
    download(session, { count: 3_000_000 }),
    upload(session, { count: 3_000_000 }),
    events(session, { count: 5, everyMs: 20 }),
    echo(session, { count: 8 }),
  ]
  const all = await outcomes(again, 20_000)
  expect(all.map(({ isWhole, problem }) => [isWhole, problem])).toEqual(
    again.map(() => [true, undefined]),
  )
}

async function nothingOpen(): Promise<void> {
  await nothingLeft({ node, agent })
  await eventually(async () => device.open === 0, { what: 'the device left alone' })
}

const lost = /^TUNNEL_LOST$/

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'an agent that ends by %s breaks everything off, and all works when it is back',
  async (signal) => {
    const running = await everyKind()
    await ended(agent.process, signal)
    await expectBroken(running, 5_000, lost)
    const away = await small(session, 'away').ended
    expect([away.status, away.code]).toEqual([503, 'AGENT_OFFLINE'])
    await agent.run()
    await worksAgain()
    await nothingOpen()
  },
)

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'a node that ends by %s breaks everything off, and all works when it is back',
  async (signal) => {
    const running = await everyKind()
    await node.restart(signal)
    await expectBroken(running, 5_000, /^(undefined|TUNNEL_LOST|AGENT_OFFLINE|NODE_STOPPING)$/)
    await worksAgain()
    await nothingOpen()
  },
)

test.each(['end', 'reset'] as const)(
  'a data connection that is lost (%s) while control lives breaks everything off, and is back by itself',
  async (how) => {
    const running = await everyKind()
    network.cut('data', how)
    await expectBroken(running, 5_000, lost)
    await worksAgain()
    await nothingOpen()
  },
)

test.each(['end', 'reset'] as const)(
  'a control connection that is lost (%s) while data lives breaks everything off, and is back by itself',
  async (how) => {
    const running = await everyKind()
    network.cut('control', how)
    await expectBroken(running, 5_000, lost)
    await worksAgain()
    await nothingOpen()
  },
)

test('an agent whose address changed is back at once, and what was under way is broken off', async () => {
  const running = await everyKind()
  network.cut(undefined, 'reset')
  await expectBroken(running, 5_000, lost)
  await worksAgain()
  await nothingOpen()
})

test('a network that stands still and is slow loses nothing, in either direction', async () => {
  const running = [
    download(session, { count: 2_000_000, everyMs: 10 }),
    upload(session, { count: 2_000_000, everyMs: 10 }),
    events(session, { count: 100, everyMs: 20 }),
    echo(session, { count: 60, everyMs: 20 }),
  ]
  await Promise.all(running.map(({ begun }) => begun))
  for (const way of ['up', 'down', 'both'] as const) {
    network.freeze(way)
    const done = small(session, 'frozen')
    await new Promise((resolve) => setTimeout(resolve, 700))
    network.thaw()
    expect(await done.ended).toMatchObject({ isWhole: true, problem: undefined })
    network.delay(50)
  }
  const all = await outcomes(running, 30_000)
  network.delay(0)
  expect(all.map(({ isWhole, problem }) => [isWhole, problem])).toEqual(
    running.map(() => [true, undefined]),
  )
  await nothingOpen()
})

test('a data connection that is half-open ends within 50 s while control lives, and is back with the network', async () => {
  const running = await everyKind()
  network.silence('data')
  await expectBroken(running, 50_000, /^(TUNNEL_LOST|DEVICE_TIMEOUT)$/)
  network.restore()
  await worksAgain()
  await nothingOpen()
}, 90_000)
