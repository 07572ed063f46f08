import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { AgentDevice } from '@travessia/schemas/devices'
import { newId } from '@travessia/schemas/ids'
import type { CommandReport, Heartbeat } from '@travessia/schemas/reports'
import type { SitePolicy } from '@travessia/schemas/site-policy'
import { formatTopic, parseTopic } from '@travessia/schemas/topics'
import {
  decodeCodeAndText,
  decodeFrame,
  decodeHead,
  encodeFrame,
  encodeHead,
  encodeHello,
  encodePong,
  Flag,
  FrameType,
  ResetCode,
} from '@travessia/schemas/tunnel-frame'
import { Aedes, type AedesOptions, type AedesPublishPacket } from 'aedes'
import { CompactEncrypt, exportJWK, generateKeyPair } from 'jose'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { Agent } from './agent.ts'
import { type AgentConfig, readAgentConfig, writeAgentConfig } from './config.ts'
import {
  agentConfig,
  deviceAt,
  eventually,
  listening,
  noProxies,
  openGate,
  type ServerKey,
  serverKey,
  silent,
  temporaryDirectory,
} from './fixtures.ts'
import { createTurnstile } from './simulators/turnstile.ts'

let key: ServerKey
beforeAll(async () => {
  key = await serverKey()
})

/** A broker and a node at it that greets, tells the time, and hears what the agent says. */
async function node(options: Partial<AedesOptions> = {}) {
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

async function startedAgent(at: Node, other: Partial<AgentConfig> = {}) {
  const configPath = join(temporaryDirectory(), 'config.json')
  const config = agentConfig({
    ...{ wsUrl: `mqtt://127.0.0.1:${at.port}`, serverKeys: [key.jwk] },
    ...other,
  })
  writeAgentConfig(configPath, config)
  const environment = { healthPort: 0, monitorPort: 0, proxies: noProxies }
  const agent = new Agent({ config, configPath, environment, log: silent })
  onTestFinished(() => agent.stop())
  await agent.start()
  await eventually(() => expect(at.heard.heartbeats.at(-1)?.dataEpoch).toMatch(/^[a-z0-9]{26}$/))
  const say = (kind: 'command' | 'devices', jws: string) =>
    at.send(formatTopic({ ...config, channel: 'cmd', kind }), jws, 1)
  const frame = (bytes: Uint8Array) =>
    at.send(formatTopic({ ...config, channel: 'down', nodeId: at.nodeId }), bytes, 0)
  const { agentId, tenantId } = config
  const list = (version: number, devices: AgentDevice[], changed: object = {}) =>
    key.sign({ tenantId, agentId, version, devices, ...changed }, 'devices')
  return { agent, config, configPath, say, frame, list }
}

const hello = () => encodeHello({ epoch: newId(), windowBytes: 1, maxFrameBytes: 1 })

test('the heartbeat tells boot, epoch, version, device list and host', async () => {
  const at = await node()
  await startedAgent(at)
  expect(at.heard.heartbeats.at(-1)).toEqual({
    ...{ online: true, bootId: expect.any(String), dataEpoch: expect.any(String) },
    ...{ version: '0.1.0', devicesVersion: 0 },
    host: expect.objectContaining({ hostname: expect.any(String), load: expect.any(Number) }),
  })
})

test('a node that greets is answered, and a request through it reaches the device', async () => {
  const device = createHttpServer((_request, response) => response.end('page'))
  const registered = deviceAt(`http://127.0.0.1:${await listening(device)}`)
  const at = await node()
  const { frame, say, list, config } = await startedAgent(at)
  say('devices', await list(1, [registered]))
  await eventually(() => expect(at.heard.acks).toHaveLength(1))
  frame(hello())
  await eventually(() =>
    expect(at.heard.frames.some(({ type }) => type === FrameType.hello)).toBe(true),
  )
  const timeouts = { connectMs: 1_000, firstByteMs: 1_000, idleMs: 1_000 }
  const { deviceId } = registered
  const { tenantId, agentId } = config
  const grant = await key.sign(
    {
      ...{ tenantId, agentId, deviceId, access: 'full', signIn: false },
      expiresAt: Date.now() + 60_000,
    },
    'grant',
  )
  const head = { deviceId, method: 'GET', path: '/', headers: [], grant, timeouts }
  frame(encodeFrame(FrameType.request, { flags: Flag.fin, streamId: 1, payload: encodeHead(head) }))
  const answer = await eventually(() => {
    const found = at.heard.frames.find(({ type }) => type === FrameType.response)
    if (!found) throw new Error('no answer yet')
    return found
  })
  expect(Buffer.from(decodeHead(answer.payload).body).toString()).toBe('page')
})

test('a signed device list is kept on disk and confirmed; an older one changes nothing', async () => {
  const at = await node()
  const { say, list, configPath } = await startedAgent(at)
  const device = deviceAt('http://10.0.0.5')
  say('devices', await list(7, [device]))
  await eventually(() => expect(at.heard.acks).toEqual([{ kind: 'devices', version: 7 }]))
  expect(readAgentConfig(configPath)?.devices).toMatchObject({ version: 7, devices: [device] })
  say('devices', await list(6, []))
  await eventually(() => expect(at.heard.acks).toHaveLength(2))
  expect(at.heard.acks[1]).toEqual({ kind: 'devices', version: 7 })
  expect(readAgentConfig(configPath)?.devices.devices).toHaveLength(1)
})

test('a device list that is not signed, signed by another, or for another agent is not taken', async () => {
  const at = await node()
  const { say, list, configPath, config } = await startedAgent(at)
  const stranger = await serverKey()
  const device = deviceAt('http://10.0.0.66')
  const content = {
    tenantId: config.tenantId,
    agentId: config.agentId,
    version: 9,
    devices: [device],
  }
  for (const jws of [
    JSON.stringify(content),
    await stranger.sign(content, 'devices'),
    await key.sign(content, 'command'),
    await list(9, [device], { agentId: newId() }),
    await list(9, [device], { tenantId: newId() }),
    await list(9, [{ ...device, baseUrl: 'http://user:pw@10.0.0.66/' }]),
  ])
    say('devices', jws)
  say('devices', await list(1, []))
  await eventually(() => expect(at.heard.acks).toEqual([{ kind: 'devices', version: 1 }]))
  expect(readAgentConfig(configPath)?.devices.devices).toEqual([])
})

test('an order opens the gate with credentials that only this agent can read', async () => {
  const turnstile = createTurnstile({ port: 0, login: 'Admin', password: 'Segredo' })
  onTestFinished(() => turnstile.stop())
  const { url } = await turnstile.start()
  const { publicKey, privateKey } = await generateKeyPair('ECDH-ES', {
    crv: 'X25519',
    extractable: true,
  })
  const secret = new TextEncoder().encode('{"login":"Admin","password":"Segredo"}')
  const sealedCredentials = await new CompactEncrypt(secret)
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' })
    .encrypt(publicKey)
  const device = deviceAt(url, { driver: 'control-id', sealedCredentials })
  const at = await node()
  const encryptionKey = { ...(await exportJWK(privateKey)) }
  const { say, frame, list, config, configPath } = await startedAgent(at, { encryptionKey })
  say('devices', await list(1, [device]))
  frame(hello())
  const { agentId, tenantId } = config
  const order = openGate({ agentId, tenantId, deviceId: device.deviceId })
  say('command', await key.sign(order))
  await eventually(() =>
    expect(at.heard.acks.map(({ status }) => status)).toEqual([
      undefined,
      'delivered',
      'running',
      'succeeded',
    ]),
  )
  expect(turnstile.state.actions).toHaveLength(1)
  expect(JSON.stringify(readAgentConfig(configPath))).not.toContain('Segredo')
})

test('other devices than the site allows are not even watched, and pages end with its hours', async () => {
  const noon = Date.parse('2026-11-25T12:00:00Z')
  vi.useFakeTimers({ toFake: ['Date'], now: noon })
  onTestFinished(() => void vi.useRealTimers())
  const calls: string[] = []
  const deviceCalled = async (name: string) => {
    const server = createHttpServer((_request, response) => {
      calls.push(name)
      response.write('endless')
    })
    return deviceAt(`http://127.0.0.1:${await listening(server)}`)
  }
  const [own, other] = [await deviceCalled('own'), await deviceCalled('other')]
  const policy: SitePolicy = {
    devices: [new URL(own.baseUrl).host],
    hours: { timeZone: 'UTC', open: [{ days: ['wed'], from: '08:00', to: '18:00' }] },
  }
  const at = await node()
  const tokenExpiresAt = noon + 864_000_000
  const { frame, say, list, config } = await startedAgent(at, { policy, tokenExpiresAt })
  say('devices', await list(1, [other, own]))
  await eventually(() => expect(calls).toContain('own'))
  frame(hello())
  const timeouts = { connectMs: 1_000, firstByteMs: 1_000, idleMs: 600_000 }
  const ask = async ({ deviceId }: AgentDevice, streamId: number) => {
    const may = { deviceId, access: 'full', signIn: false, expiresAt: tokenExpiresAt }
    const grant = await key.sign(
      { tenantId: config.tenantId, agentId: config.agentId, ...may },
      'grant',
    )
    const head = { deviceId, method: 'GET', path: '/', headers: [], grant, timeouts }
    frame(encodeFrame(FrameType.request, { flags: Flag.fin, streamId, payload: encodeHead(head) }))
  }
  const endOf = (id: number) =>
    eventually(() => {
      const found = at.heard.frames.find(
        (one) => one.streamId === id && one.type === FrameType.reset,
      )
      if (!found) throw new Error('no end yet')
      return decodeCodeAndText(found.payload).code
    })
  await ask(own, 1)
  await eventually(() =>
    expect(at.heard.frames.some(({ type }) => type === FrameType.response)).toBe(true),
  )
  await ask(other, 2)
  expect(await endOf(2)).toBe(ResetCode.policyForbids)
  vi.setSystemTime(noon + 6 * 3_600_000)
  expect(await endOf(1)).toBe(ResetCode.policyHours)
  await ask(own, 3)
  expect(await endOf(3)).toBe(ResetCode.policyHours)
  expect(calls).not.toContain('other')
})

test('an agent that nobody tells the time runs no order', async () => {
  const at = await node()
  const { say, list, config } = await startedAgent(at)
  const device = deviceAt('http://127.0.0.1:1', { driver: 'control-id' })
  say('devices', await list(1, [device]))
  const { agentId, tenantId } = config
  say('command', await key.sign(openGate({ agentId, tenantId, deviceId: device.deviceId })))
  await eventually(() =>
    expect(at.heard.acks.at(-1)).toMatchObject({ status: 'refused', errorCode: 'CLOCK_UNKNOWN' }),
  )
})

test('a token that the broker refuses is renewed by proof, and the agent comes back with the new one', async () => {
  const api = createHttpServer((request, response) => {
    void text(request).then(() => {
      const body = {
        ...{ agentId: newId(), tenantId: newId(), installationId: newId(), token: 'fresh' },
        ...{ expiresAt: '2035-01-01T00:00:00.000Z', serverKeys: [], serverTime: 1 },
        endpoints: { apiUrl: 'http://127.0.0.1', wsUrl: `mqtt://127.0.0.1:${at.port}` },
      }
      response.end(JSON.stringify(body))
    })
  })
  const at = await node({
    authenticate(_client, _username, password, done) {
      if (password?.toString() === 'fresh') done(null, true)
      else done(Object.assign(new Error('refused'), { returnCode: 4 }) as never, null)
    },
  })
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const { configPath } = await startedAgent(at, {
    apiUrl: `http://127.0.0.1:${await listening(api)}`,
    privateKey: { ...(await exportJWK(privateKey)) },
    token: 'stale',
  })
  expect(readAgentConfig(configPath)).toMatchObject({
    ...{ token: 'fresh', tokenExpiresAt: Date.parse('2035-01-01') },
  })
})
