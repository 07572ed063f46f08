/** The list of devices that an agent takes from its node, and what its site makes of it. */
import { createServer as createHttpServer } from 'node:http'
import type { AgentDevice } from '@travessia/schemas/devices'
import { newId } from '@travessia/schemas/ids'
import type { SitePolicy } from '@travessia/schemas/site-policy'
import {
  decodeCodeAndText,
  encodeFrame,
  Flag,
  FrameType,
  ResetCode,
} from '@travessia/schemas/tunnel-frame'
import { encodeHead } from '@travessia/schemas/tunnel-head'
import { CompactEncrypt, exportJWK, generateKeyPair } from 'jose'
import { expect, onTestFinished, test, vi } from 'vitest'
import { hello, key, node, startedAgent } from './agent.fixture.ts'
import { readAgentConfig } from './config.ts'
import { deviceAt, eventually, listening, openGate, serverKey } from './fixtures.ts'
import { createTurnstile } from './simulators/turnstile.ts'

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
  const timeouts = { connectMs: 10_000, firstByteMs: 10_000, idleMs: 600_000 }
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
