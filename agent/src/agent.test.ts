import { createServer as createHttpServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { newId } from '@travessia/schemas/ids'
import { stopped } from '@travessia/schemas/reports'
import { encodeFrame, Flag, FrameType } from '@travessia/schemas/tunnel-frame'
import { decodeHead, encodeHead } from '@travessia/schemas/tunnel-head'
import { exportJWK, generateKeyPair } from 'jose'
import { expect, test } from 'vitest'
import { hello, key, node, startedAgent } from './agent.fixture.ts'
import { readAgentConfig } from './config.ts'
import { deviceAt, eventually, listening, openGate } from './fixtures.ts'

test('the heartbeat tells boot, epoch, version, device list and host', async () => {
  const at = await node()
  await startedAgent(at)
  expect(at.heard.heartbeats.at(-1)).toEqual({
    ...{ online: true, bootId: expect.any(String), dataEpoch: expect.any(String) },
    ...{ version: '0.1.0', devicesVersion: 0 },
    host: expect.objectContaining({ hostname: expect.any(String), load: expect.any(Number) }),
  })
})

test('an agent that is told to stop says so last, and waits for nobody who does not take it', async () => {
  const at = await node()
  const { stop } = await startedAgent(at)
  await stop()
  await eventually(() => expect(at.heard.heartbeats.at(-1)).toEqual(stopped))
  const silent = await node()
  const other = await startedAgent(silent)
  silent.aedes.authorizePublish = () => undefined
  await other.stop()
  expect(silent.heard.heartbeats.at(-1)).toMatchObject({ online: true })
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
  const timeouts = { connectMs: 10_000, firstByteMs: 10_000, idleMs: 10_000 }
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

test('a malformed receipt of passages is refused, and the agent goes on', async () => {
  const at = await node()
  const { say, list } = await startedAgent(at)
  say('passages', '{"batch":')
  say('passages', '{}')
  say('devices', await list(1, []))
  await eventually(() => expect(at.heard.acks).toEqual([{ kind: 'devices', version: 1 }]))
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
