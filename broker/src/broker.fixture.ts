/** A real broker on loopback with sessions in a directory of its own. A token is the credential itself as JSON. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectSocket, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import type { Presence } from '@travessia/schemas/reports'
import {
  type AgentAddress,
  controlFilter,
  formatTopic,
  type Topic,
} from '@travessia/schemas/topics'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { pino } from 'pino'
import { expect, onTestFinished, vi } from 'vitest'
import { Broker, type BrokerOptions } from './broker.ts'
import { Listeners } from './listeners.ts'
import { openPersistence, type Persistence } from './persistence.ts'
import type { Credential } from './principal.ts'

export const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 20_000, interval: 10 })

type Heard = { readonly topic: Topic; readonly payload: string }
type Seen = AgentAddress & Presence

export type World = {
  readonly broker: Broker
  readonly persistence: Persistence
  readonly port: number
  /** What listeners were told so far. */
  readonly heard: Heard[]
  readonly seen: Seen[]
  readonly logged: string[]
  /** Agents whose credential is refused. */
  readonly revoked: Set<string>
}

export const newAgent = (tenantId = newId()): AgentAddress => ({ tenantId, agentId: newId() })

export function tokenOf(agent: AgentAddress, expiresAt = Date.now() + 60_000): string {
  return JSON.stringify({ kind: 'agent', ...agent, expiresAt } satisfies Credential)
}

export async function startWorld(options: Partial<BrokerOptions> = {}): Promise<World> {
  const dataDir = mkdtempSync(join(tmpdir(), 'travessia-broker-'))
  const persistence = await openPersistence({ dataDir })
  const revoked = new Set<string>()
  const [heard, seen, logged]: [Heard[], Seen[], string[]] = [[], [], []]
  const broker = await Broker.create({
    async verify(token) {
      const credential = JSON.parse(token) as Credential
      if (credential.kind === 'agent' && revoked.has(credential.agentId))
        throw new TravessiaError('AGENT_REVOKED')
      return credential
    },
    ...{ persistence, now: Date.now },
    log: pino({}, { write: (line: string) => logged.push(line) }),
    ...options,
  })
  broker.onPublish((topic, payload) => heard.push({ topic, payload: payload.toString() }))
  broker.onPresence((agent, presence) => seen.push({ ...agent, ...presence }))
  const listeners = new Listeners({
    ...{ host: '127.0.0.1', mqttPort: 0, wsPort: 0 },
    ...{ maxSocketsPerIp: 100, trustedProxies: [] },
  })
  const { mqttPort } = await listeners.bind()
  listeners.open(broker)
  onTestFinished(async () => {
    await listeners.stop()
    await broker.close()
    rmSync(dataDir, { recursive: true, force: true })
    expect(logged.filter((line) => line.includes('broker error'))).toEqual([])
  })
  return { broker, persistence, port: mqttPort, heard, seen, logged, revoked }
}

/** Dials once; the test sees every outcome. */
export function dial(world: World, options: IClientOptions): MqttClient {
  const client = mqtt.connect(`mqtt://127.0.0.1:${world.port}`, {
    ...{ reconnectPeriod: 0, keepalive: 30, resubscribe: false, protocolVersion: 4, ...options },
  })
  client.on('error', () => undefined)
  onTestFinished(() => void client.end(true))
  return client
}

export function dialAs(
  world: World,
  agent: AgentAddress,
  connection: 'control' | 'data',
  options: IClientOptions = {},
): MqttClient {
  const isControl = connection === 'control'
  return dial(world, {
    clientId: isControl ? agent.agentId : `${agent.agentId}-d`,
    clean: !isControl,
    username: agent.agentId,
    password: tokenOf(agent),
    ...options,
  })
}

/** Dials and waits for CONNACK. */
export async function connectAs(
  ...args: Parameters<typeof dialAs>
): Promise<{ client: MqttClient; sessionPresent: boolean; got: string[] }> {
  const client = dialAs(...args)
  const got: string[] = []
  client.on('message', (_topic, payload) => got.push(payload.toString()))
  const { sessionPresent } = await new Promise<{ sessionPresent: boolean }>((done) =>
    client.once('connect', done),
  )
  return { client, sessionPresent, got }
}

/** The CONNACK code of a refusal. */
export async function refusedWith(client: MqttClient): Promise<number> {
  const error = await new Promise<Error & { code?: number | string }>((done) =>
    client.once('error', done),
  )
  return Number(error.code)
}

export async function closeOf(client: MqttClient): Promise<void> {
  await new Promise<void>((done) => client.once('close', () => done()))
}

/** A bare socket that has sent `bytes`. */
export async function rawSocket(world: World, ...bytes: Buffer[]): Promise<Socket> {
  const socket = connectSocket(world.port, '127.0.0.1').setNoDelay(true)
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  for (const part of bytes) socket.write(part)
  return socket
}

/** All bytes until the other side ends the connection. */
export async function bytesUntilEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  await once(socket, 'close')
  return Buffer.concat(chunks)
}

/** The same with the one filter of an agent, unless the session has it. */
export async function connectControl(world: World, who: AgentAddress) {
  const connected = await connectAs(world, who, 'control')
  if (!connected.sessionPresent)
    await connected.client.subscribeAsync(controlFilter(who), { qos: 1 })
  return connected
}

/** An exchange through the whole broker: what was sent before it has been worked off. */
export async function settle(world: World): Promise<void> {
  const other = newAgent()
  const { client, got } = await connectControl(world, other)
  await world.broker.publish(formatTopic({ ...other, channel: 'cmd', kind: 'command' }), 'settled')
  await eventually(() => expect(got).toContain('settled'))
  await client.endAsync()
}
