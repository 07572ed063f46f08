/** For tests: a whole agent at a broker, with a node that greets it, tells it the time and hears it. */
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { AgentDevice } from '@travessia/schemas/devices'
import { newId } from '@travessia/schemas/ids'
import type { CommandReport, Heartbeat } from '@travessia/schemas/reports'
import { formatTopic, parseTopic } from '@travessia/schemas/topics'
import {
  decodeFrame,
  encodeHello,
  encodePong,
  Flag,
  FrameType,
} from '@travessia/schemas/tunnel-frame'
import { Aedes, type AedesOptions, type AedesPublishPacket } from 'aedes'
import { expect, onTestFinished } from 'vitest'
import { Agent } from './agent.ts'
import { type AgentConfig, writeAgentConfig } from './config.ts'
import {
  agentConfig,
  eventually,
  listening,
  noProxies,
  serverKey,
  silent,
  temporaryDirectory,
} from './fixtures.ts'

export const key = await serverKey()

/** A broker and a node at it that greets, tells the time, and hears what the agent says. */
export async function node(options: Partial<AedesOptions> = {}) {
  const aedes = new Aedes(options)
  await aedes.listen()
  onTestFinished(() => new Promise<void>((done) => aedes.close(() => done())))
  const port = await listening(createServer(aedes.handle))
  const nodeId = newId()
  const heard = {
    heartbeats: [] as Heartbeat[],
    acks: [] as Array<CommandReport & { version?: number }>,
    frames: [] as ReturnType<typeof decodeFrame>[],
  }
  const send = (topic: string, payload: string | Uint8Array, qos: 0 | 1) =>
    aedes.publish(
      { cmd: 'publish', topic, payload: Buffer.from(payload), qos, retain: false, dup: false },
      () => undefined,
    )
  aedes.on('publish', ({ topic, payload }: AedesPublishPacket) => {
    const parsed = parseTopic(topic)
    const bytes = Buffer.from(payload)
    if (parsed?.channel === 'ack') heard.acks.push(JSON.parse(bytes.toString()))
    if (parsed?.channel === 'status') heard.heartbeats.push(JSON.parse(bytes.toString()))
    if (parsed?.channel !== 'up') return
    const frame = decodeFrame(bytes)
    heard.frames.push(frame)
    if (frame.type !== FrameType.ping || (frame.flags & Flag.pong) !== 0) return
    const down = formatTopic({ ...parsed, channel: 'down', nodeId })
    send(down, encodePong(frame.payload, Date.now()), 0)
  })
  return { aedes, port, nodeId, heard, send }
}

type Node = Awaited<ReturnType<typeof node>>

export async function startedAgent(at: Node, other: Partial<AgentConfig> = {}) {
  const configPath = join(temporaryDirectory(), 'config.json')
  const config = agentConfig({
    ...{ wsUrl: `mqtt://127.0.0.1:${at.port}`, serverKeys: [key.jwk] },
    ...other,
  })
  writeAgentConfig(configPath, config)
  const environment = { healthPort: 0, monitorPort: 0, proxies: noProxies }
  const agent = new Agent({ config, configPath, environment, log: silent })
  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= agent.stop())
  onTestFinished(stop)
  await agent.start()
  await eventually(() => expect(at.heard.heartbeats.at(-1)?.dataEpoch).toMatch(/^[a-z0-9]{26}$/))
  const say = (kind: 'command' | 'devices' | 'passages', jws: string) =>
    at.send(formatTopic({ ...config, channel: 'cmd', kind }), jws, 1)
  const frame = (bytes: Uint8Array) =>
    at.send(formatTopic({ ...config, channel: 'down', nodeId: at.nodeId }), bytes, 0)
  const { agentId, tenantId } = config
  const list = (version: number, devices: AgentDevice[], changed: object = {}) =>
    key.sign({ tenantId, agentId, version, devices, ...changed }, 'devices')
  return { agent, stop, config, configPath, say, frame, list }
}

export const hello = () => encodeHello({ epoch: newId(), windowBytes: 1, maxFrameBytes: 1 })
