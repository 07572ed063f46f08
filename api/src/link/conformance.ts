/** What every link must do, with real connections of agents; each link's test calls it. */
import { randomBytes } from 'node:crypto'
import { giveBack } from '@travessia/schemas/give-back'
import { newId } from '@travessia/schemas/ids'
import { willPayload } from '@travessia/schemas/reports'
import {
  type AgentAddress,
  controlFilter,
  dataFilter,
  formatTopic,
} from '@travessia/schemas/topics'
import { maxFrameBytes } from '@travessia/schemas/tunnel-frame'
import mqtt, { type MqttClient } from 'mqtt'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Link, LinkHandlers } from './link.ts'

/** Below a test's own time, so that a failure says what was missing. */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 15_000, interval: 20 })

/** A link that is not started yet, and where agents dial. */
export type LinkWorld = {
  readonly link: Link
  readonly mqttUrl: string
  /** The broker says who comes and goes. */
  readonly saysPresence: boolean
  /** Agents that are not paired any more. */
  readonly revoked: Set<string>
}
type Heard = { frames: Buffer[]; said: string[] }

export const newAgent = (): AgentAddress => ({ tenantId: newId(), agentId: newId() })

export async function start({ link }: LinkWorld): Promise<Heard> {
  const heard: Heard = { frames: [], said: [] }
  const handlers: LinkHandlers = {
    frame: (_agent, frame) => void heard.frames.push(Buffer.from(frame)),
    report: ({ agentId }, channel, text) => void heard.said.push(`${agentId} ${channel} ${text}`),
    sample: ({ agentId }, kind, text) => void heard.said.push(`${agentId} ${kind} ${text}`),
    presence: ({ agentId }, { connection, connected }) =>
      void heard.said.push(`${agentId} ${connection} ${connected}`),
  }
  await link.start(handlers)
  return heard
}

type TestAgent = {
  readonly agent: AgentAddress
  readonly control: MqttClient
  readonly data: MqttClient
  readonly frames: Buffer[]
  readonly commands: string[]
}

/** Both connections of an agent, subscribed. */
export async function connectAgent(
  { mqttUrl }: Pick<LinkWorld, 'mqttUrl'>,
  agent = newAgent(),
): Promise<TestAgent> {
  const { tenantId, agentId } = agent
  const expiresAt = Date.now() + 60_000
  const password = JSON.stringify({ kind: 'agent', tenantId, agentId, expiresAt })
  const dial = async (options: mqtt.IClientOptions, filter: string) => {
    const common = { username: agentId, password, reconnectPeriod: 0, keepalive: 30 }
    const client = mqtt.connect(mqttUrl, { ...common, protocolVersion: 4, ...options })
    onTestFinished(() => void client.end(true))
    await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject))
    client.on('error', () => undefined)
    await client.subscribeAsync(filter, { qos: 1 })
    return client
  }
  const topic = formatTopic({ tenantId, agentId, channel: 'status' })
  const will = { topic, payload: Buffer.from(willPayload), qos: 1, retain: false } as const
  const control = await dial({ clientId: agentId, clean: false, will }, controlFilter(agent))
  const data = await dial({ clientId: `${agentId}-d`, clean: true }, dataFilter(agent))
  const [frames, commands]: [Buffer[], string[]] = [[], []]
  data.on('message', (_topic, payload) => frames.push(payload))
  control.on('message', (text, payload) => commands.push(`${text.split('/').at(-1)} ${payload}`))
  return { agent, control, data, frames, commands }
}

/** Says a word until the link has heard it: from then on both ends know each other. */
export async function greet({ agent, control }: TestAgent, heard: Heard): Promise<void> {
  const topic = formatTopic({ ...agent, channel: 'status' })
  const word = `hello ${newId()}`
  await eventually(async () => {
    await control.publishAsync(topic, word, { qos: 1 })
    expect(heard.said).toContain(`${agent.agentId} status ${word}`)
  })
}

/** Sends one frame as soon as the link takes it, and waits for it: a SUBACK may come before the broker calls the agent ready. */
async function reach({ link }: LinkWorld, { agent, frames }: TestAgent): Promise<void> {
  await eventually(() => expect(link.send(agent, Buffer.from('first'))).toBe(true))
  await eventually(() => expect(frames.map(String)).toEqual(['first']))
  frames.length = 0
}

export function describeLink(open: () => Promise<LinkWorld>): void {
  testFrames(open)
  testWords(open)
  testEnds(open)
}

function testFrames(open: () => Promise<LinkWorld>): void {
  test('a frame of any size reaches this agent alone and byte-exact, in both directions', async () => {
    const world = await open()
    const heard = await start(world)
    const [one, other] = [await connectAgent(world), await connectAgent(world)]
    for (const agent of [one, other]) await greet(agent, heard)
    await reach(world, one)
    const frames = [0, 1, 12, 1_000, maxFrameBytes].map((size) => randomBytes(size))
    for (const frame of frames) expect(world.link.send(one.agent, Buffer.from(frame))).toBe(true)
    await eventually(() => expect(one.frames.length).toBe(frames.length))
    expect(Buffer.concat(one.frames).equals(Buffer.concat(frames))).toBe(true)
    expect(other.frames).toEqual([])
    const up = formatTopic({ ...one.agent, channel: 'up', nodeId: world.link.nodeId })
    for (const frame of frames) one.data.publish(up, frame)
    await eventually(() => expect(heard.frames.length).toBe(frames.length))
    expect(heard.frames.map(({ length }) => length)).toEqual(frames.map(({ length }) => length))
    expect(Buffer.concat(heard.frames).equals(Buffer.concat(frames))).toBe(true)
  })

  test('a frame stays what it was when the memory of one that came with it is given back', async () => {
    const world = await open()
    const frames: Uint8Array[] = []
    const ignore = () => undefined
    await world.link.start({
      ...{ report: ignore, sample: ignore, presence: ignore },
      frame: (_agent, frame) => void frames.push(frame),
    })
    const { agent, data } = await connectAgent(world)
    const up = formatTopic({ ...agent, channel: 'up', nodeId: world.link.nodeId })
    const sent = Array.from({ length: 40 }, (_, n) => Buffer.alloc(n % 2 ? 30_000 : 20, n))
    for (const [n, frame] of sent.entries()) {
      data.publish(up, frame)
      // Two at a time, which often come in one read.
      if (n % 2) await eventually(() => expect(frames.length).toBe(n + 1))
    }
    for (const frame of frames) if (frame.length > 20) giveBack(frame)
    const small = (all: readonly Uint8Array[]) => Buffer.concat(all.filter((_, n) => n % 2 === 0))
    expect(small(frames).equals(small(sent))).toBe(true)
  })

  test('thousands of frames keep their order in both directions', async () => {
    const world = await open()
    const heard = await start(world)
    const one = await connectAgent(world)
    await greet(one, heard)
    await reach(world, one)
    const count = 5_000
    const up = formatTopic({ ...one.agent, channel: 'up', nodeId: world.link.nodeId })
    for (let n = 0; n < count; n += 1) {
      const frame = Buffer.alloc(64)
      frame.writeUInt32BE(n)
      world.link.send(one.agent, frame)
      one.data.publish(up, frame)
    }
    const order = Array.from({ length: count }, (_, n) => n)
    await eventually(() => expect(one.frames.length).toBe(count))
    await eventually(() => expect(heard.frames.length).toBe(count))
    expect(one.frames.map((frame) => frame.readUInt32BE())).toEqual(order)
    expect(heard.frames.map((frame) => frame.readUInt32BE())).toEqual(order)
  })

  test('frames for another node are not heard', async () => {
    const world = await open()
    const heard = await start(world)
    const one = await connectAgent(world)
    await greet(one, heard)
    const up = (nodeId: string) => formatTopic({ ...one.agent, channel: 'up', nodeId })
    one.data.publish(up(newId()), 'for another')
    one.data.publish(up(world.link.nodeId), 'for this one')
    await eventually(() => expect(heard.frames.map(String)).toEqual(['for this one']))
  })
}

function testWords(open: () => Promise<LinkWorld>): void {
  test('a command arrives once, on the control connection of its agent', async () => {
    const world = await open()
    const heard = await start(world)
    const [one, other] = [await connectAgent(world), await connectAgent(world)]
    await greet(one, heard)
    // One after the other has arrived, as the dispatcher does: in Aedes one QoS 1 message may overtake another.
    await world.link.command(one.agent, 'command', 'signed')
    await eventually(() => expect(one.commands).toEqual(['command signed']))
    await world.link.command(one.agent, 'devices', 'list')
    await eventually(() => expect(one.commands).toEqual(['command signed', 'devices list']))
    expect([other.commands, one.frames]).toEqual([[], []])
  })

  test('reports, samples and the last will come with the agent that said them', async () => {
    const world = await open()
    const heard = await start(world)
    const { agent, control, data } = await connectAgent(world)
    await greet({ agent, control } as TestAgent, heard)
    await control.publishAsync(formatTopic({ ...agent, channel: 'ack' }), 'done', { qos: 1 })
    data.publish(formatTopic({ ...agent, channel: 'telemetry', kind: 'state' }), 'open')
    await eventually(() => {
      expect(heard.said).toContain(`${agent.agentId} ack done`)
      expect(heard.said).toContain(`${agent.agentId} state open`)
    })
    control.stream.destroy()
    await eventually(() => expect(heard.said).toContain(`${agent.agentId} status ${willPayload}`))
  })

  test('connections that are made and lost are told, where the broker says so', async () => {
    const world = await open()
    const heard = await start(world)
    await greet(await connectAgent(world), heard)
    const { agent, data } = await connectAgent(world)
    const made = ['control true', 'data true'].map((s) => `${agent.agentId} ${s}`)
    const lost = `${agent.agentId} data false`
    if (world.saysPresence)
      await eventually(() => expect(heard.said).toEqual(expect.arrayContaining(made)))
    data.end(true)
    if (world.saysPresence) await eventually(() => expect(heard.said).toContain(lost))
    else for (const word of [...made, lost]) expect(heard.said).not.toContain(word)
  })
}

function testEnds(open: () => Promise<LinkWorld>): void {
  test('nothing can be sent to an agent of whom nobody has heard', async () => {
    const world = await open()
    const heard = await start(world)
    await greet(await connectAgent(world), heard)
    expect(world.link.send(newAgent(), Buffer.from('x'))).toBe(false)
  })

  test('a revoked agent has no data connection any more', async () => {
    const world = await open()
    const heard = await start(world)
    const one = await connectAgent(world)
    await greet(one, heard)
    world.revoked.add(one.agent.agentId)
    await world.link.revoke(one.agent)
    expect(world.link.send(one.agent, Buffer.from('x'))).toBe(false)
  })

  test('after stop nothing is heard and nothing is sent', async () => {
    const world = await open()
    const heard = await start(world)
    const one = await connectAgent(world)
    await greet(one, heard)
    await world.link.stop()
    const before = heard.said.length
    const up = formatTopic({ ...one.agent, channel: 'up', nodeId: world.link.nodeId })
    one.data.publish(up, 'late')
    await new Promise((done) => setTimeout(done, 200))
    expect(world.link.send(one.agent, Buffer.from('x'))).toBe(false)
    expect([heard.said.length, heard.frames]).toEqual([before, []])
  })
}
