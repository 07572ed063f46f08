/** The whole of Travessia with our broker as a process of its own: api, broker and agents meet on the wire only (ADR 20). */
import mqtt from 'mqtt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { freePort } from '../rig/free-port.ts'
import { type OwnAgent, pairOwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { OwnDevice } from '../rig/own-device.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import {
  type Credential,
  credentialIn,
  ForeignClient,
  requireMosquittoClients,
} from './foreign-client.ts'
import { type OwnBrokerProcess, startOwnBroker } from './own-broker.ts'

const device = new OwnDevice()
const paths = Array.from({ length: 12 }, (_, n) => `/answer?status=200&n=${n}`)
const buttons = paths.map((path, n) => ({ name: `B${n}`, method: 'POST', path }))
let broker: OwnBrokerProcess
let stack: Stack
let manager: Api
let agent: OwnAgent
let pump: Item
/** An agent of another customer: paired, not running. */
let stranger: Credential

beforeAll(async () => {
  requireMosquittoClients()
  const [httpPort, mqttPort] = [await freePort(), await freePort()]
  const httpUrl = `http://localhost:${httpPort}`
  broker = await startOwnBroker({ httpUrl, mqttPort })
  stack = await startStack({
    env: {
      TRAVESSIA_HTTP_PORT: String(httpPort),
      TRAVESSIA_BROKER_URL: `mqtt://127.0.0.1:${mqttPort}`,
      TRAVESSIA_BROKER_KEEPS_APART: '1',
    },
  })
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  agent = await startOwnAgent(stack, manager, 'Bombas')
  const fields = { name: 'Bomba', baseUrl: await device.start(), buttons }
  pump = await registerDevice(manager, agent.installationId, fields)
  const other = await new Api(stack.httpUrl).signIn('gestor@outro.travessia')
  stranger = credentialIn((await pairOwnAgent(stack, other, 'Vizinho')).configPath)
})

afterAll(async () => {
  agent?.process.kill('SIGKILL')
  await device.stop()
  await stack?.stop()
  expect(await broker?.stop()).toBe(0)
})

async function pageStatus(): Promise<number> {
  const { base, cookie } = await enterSession(manager, pump.id)
  return (await fetchPage(`${base}/echo`, { headers: { cookie } })).status
}

async function untilOpens(): Promise<void> {
  const ask = async () => (await pageStatus().catch(() => 0)) === 200
  await eventually(ask, { withinMs: 60_000, what: 'a page through the broker' })
}

async function press(n: number): Promise<string | undefined> {
  const body = { command: 'PressButton', args: { button: `B${n}`, reason: 'rega' } }
  const path = `/api/devices/${pump.id}/commands`
  const posted = await manager.call<{ commandId: string }>('POST', path, body)
  return posted.status === 202 ? posted.body.commandId : undefined
}

function endOf(commandId: string): Promise<string> {
  const ends = ['succeeded', 'failed', 'refused', 'expired', 'unknown']
  const ask = async () => {
    const { status } = await manager.get<{ status: string }>(`/api/commands/${commandId}`)
    return ends.includes(status) && status
  }
  return eventually(ask, { withinMs: 90_000, what: `an end of command ${commandId}` })
}

const seen = (n: number) => device.seen.filter((path) => path === paths[n]).length
const clientOf = (credential: Credential) => new ForeignClient(broker.mqttUrl, credential)
const subtree = ({ tenantId, agentId }: Credential) => `travessia/v1/${tenantId}/${agentId}`

test('a page and a command go through it, and the app knows where the agent dials from', async () => {
  await untilOpens()
  const commandId = await press(0)
  expect(await endOf(commandId ?? '')).toBe('succeeded')
  expect(seen(0)).toBe(1)
  const state = await manager.get(`/api/installations/${agent.installationId}/agent`)
  expect(state).toMatchObject({ externalIp: '127.0.0.1' })
})

test('an agent writes and reads below its own id only, and nobody comes in without a token of the api', async () => {
  const client = clientOf(stranger)
  const [own, other] = [subtree(stranger), subtree(credentialIn(agent.configPath))]
  const said = '{}'
  expect(await client.subscribe(`${own}/down/+`)).toBe('granted')
  expect(await client.subscribe(`${own}/cmd/+`, { suffix: '' })).toBe('granted')
  expect(await client.publish(`${own}/ack`, said, { suffix: '' })).toBe('granted')
  for (const filter of [`${other}/down/+`, `${other}/up/+`, 'travessia/v1/#', '#', '$SYS/#'])
    expect(await client.subscribe(filter), filter).not.toBe('granted')
  expect(await client.subscribe(`${other}/cmd/+`, { suffix: '' })).not.toBe('granted')
  for (const topic of [`${other}/ack`, `${other}/cmd/command`, `${own}/revoke`, `${own}/presence`])
    expect(await client.publish(topic, said, { suffix: '' }), topic).not.toBe('granted')
  const { agentId } = credentialIn(agent.configPath)
  expect(await client.connect(agentId)).toBe('refused')
  for (const token of ['', 'x', `${stranger.token.slice(0, -8)}AAAAAAAA`, manager.token ?? ''])
    expect(await client.connect(stranger.agentId, { token }), token).toBe('refused')
})

test('killed under commands it comes back with everything: each has one end, none is carried out twice', async () => {
  await untilOpens()
  const posted = Array.from({ length: 10 }, (_, n) => press(n + 1))
  await Promise.race(posted)
  broker = await broker.killAndStart()
  const accepted = (await Promise.all(posted)).map((commandId, n) => ({ n: n + 1, commandId }))
  for (const { n, commandId } of accepted) {
    const end = commandId === undefined ? 'refused' : await endOf(commandId)
    if (end === 'succeeded') expect(seen(n), `${n} ${end}`).toBe(1)
    else if (end === 'unknown') expect(seen(n), `${n} ${end}`).toBeLessThanOrEqual(1)
    else expect(seen(n), `${n} ${end}`).toBe(0)
  }
  await untilOpens()
  const commandId = await eventually(() => press(11), { withinMs: 60_000, what: 'a command' })
  expect(await endOf(commandId)).toBe('succeeded')
  expect(seen(11)).toBe(1)
}, 200_000)

test('a revoked agent is cut at once and stays out, also of a broker that was killed meanwhile', async () => {
  const { installationId, configPath } = await pairOwnAgent(stack, manager, 'Por pouco tempo')
  const credential = credentialIn(configPath)
  const { agentId, token: password } = credential
  const options = { clientId: `${agentId}-d`, username: agentId, password, reconnectPeriod: 0 }
  const client = await mqtt.connectAsync(broker.mqttUrl, { ...options, protocolVersion: 4 })
  const isCut = new Promise((done) => client.once('close', () => done(true)))
  const { status } = await manager.call('DELETE', `/api/installations/${installationId}/agent`)
  expect(status).toBe(204)
  expect(await isCut).toBe(true)
  expect(await clientOf(credential).connect(agentId)).toBe('refused')
  expect(await clientOf(credential).connect(`${agentId}-d`)).toBe('refused')
  broker = await broker.killAndStart()
  expect(await clientOf(credential).connect(`${agentId}-d`)).toBe('refused')
  expect(await clientOf(stranger).connect(`${stranger.agentId}-d`)).toBe('granted')
})

test('an agent that was revoked while the broker was away stays out, or is cut, once the broker is back', async () => {
  const { installationId, configPath } = await pairOwnAgent(stack, manager, 'Enquanto isso')
  const credential = credentialIn(configPath)
  const dataConnection = `${credential.agentId}-d`
  expect(await clientOf(credential).connect(dataConnection)).toBe('granted')
  await broker.kill()
  const { status } = await manager.call('DELETE', `/api/installations/${installationId}/agent`)
  expect(status).toBe(204)
  broker = await broker.killAndStart()
  const isOut = async () => (await clientOf(credential).connect(dataConnection)) === 'refused'
  await eventually(isOut, { withinMs: 30_000, what: 'the revoked agent refused' })
}, 60_000)
