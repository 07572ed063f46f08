/** A look into the LAN of an installation: suggestions through a real agent, and nothing registered by it. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Api, factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { type Lan, ssdpAnswer, startLan } from '../rig/lan-responder.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { root } from '../rig/processes.ts'
import { type Stack, startStack } from '../rig/stack.ts'

type Found = { readonly baseUrl: string; readonly deviceId: string | null }

const octoprint = { service: '_octoprint._tcp', instance: 'Prusa da oficina', port: 59_123 }
const camera = ssdpAnswer('http://127.0.0.1:49152/d.xml', 'Linux/5 UPnP/1.0 Cam/1')
let stack: Stack
let manager: Api
let auditor: Api
let agent: OwnAgent
let lan: Lan
let known: Item

beforeAll(async () => {
  stack = await startStack()
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  auditor = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
  agent = await startOwnAgent(stack, manager, 'Oficina')
  lan = await startLan({ announced: [{ ...octoprint, address: '127.0.0.1' }], ssdp: [camera] })
  const fields = { name: 'Câmera', baseUrl: 'http://127.0.0.1', kind: 'camera' }
  known = await registerDevice(manager, agent.installationId, fields)
})

afterAll(async () => {
  agent?.process.kill('SIGKILL')
  await lan?.stop()
  await stack?.stop()
})

const discover = (installationId = agent.installationId, as = manager) =>
  as.call<{ items: Found[]; code: string }>(
    'POST',
    `/api/installations/${installationId}/discoveries`,
  )

test('what answers in the LAN is suggested, what is registered is marked, and nothing is added', async () => {
  const devices = `/api/installations/${agent.installationId}/devices`
  const { status, body } = await discover()
  expect(status).toBe(200)
  expect(body.items).toContainEqual({
    ...{ name: octoprint.instance, kind: 'printer', driver: 'octoprint', via: 'mdns' },
    ...{ baseUrl: 'http://127.0.0.1:59123', deviceId: null },
  })
  expect(body.items).toContainEqual({
    ...{ name: 'Cam/1', kind: 'http', driver: 'http', via: 'ssdp' },
    ...{ baseUrl: 'http://127.0.0.1', deviceId: known.id },
  })
  const { items } = await manager.get<{ items: Item[] }>(devices)
  expect(items.map(({ id }) => id)).toEqual([known.id])
  const again = await discover()
  expect([again.status, again.body.code]).toEqual([429, 'RATE_LIMITED'])
  expect(Number(again.headers.get('retry-after'))).toBeGreaterThan(10)
})

// How often the LAN is asked is counted in `agent/src/discovery/search.system.test.ts`, on ports of its own.
test('the log says who looked and how much came of it, and holds none of it', async () => {
  const query = `&installationId=${agent.installationId}&kind=agent`
  const facts = (await factsOf(auditor, query)).filter(({ type }) => type.startsWith('Discovery'))
  expect(facts.map(({ summary }) => summary)).toEqual([
    'Gestora Ana procurou equipamentos na rede de Oficina',
    expect.stringMatching(/^Busca na rede de Oficina terminou, encontrados: \d+$/),
  ])
  expect(facts[1]?.data['found']).toBeGreaterThanOrEqual(2)
  expect(facts[1]?.['correlationId']).toBe(facts[0]?.['correlationId'])
  expect(JSON.stringify(facts)).not.toContain(octoprint.instance)
})

test('an agent that is paused on site looks for nothing', async () => {
  const paused = await startOwnAgent(stack, manager, 'Pausada')
  onTestFinished(() => void paused.process.kill('SIGKILL'))
  const program = join(root, 'agent/src/main.ts')
  execFileSync(process.execPath, [program, 'pause', '1h', '--config', paused.configPath])
  const { status, body } = await discover(paused.installationId)
  expect([status, body.code]).toEqual([503, 'AGENT_PAUSED'])
  const facts = await factsOf(auditor, `&installationId=${paused.installationId}&kind=agent`)
  expect(facts.at(-1)).toMatchObject({
    ...{ type: 'DiscoveryFinished', data: { found: 0, errorCode: 'AGENT_PAUSED' } },
  })
})

test('an installation without an agent, or whose agent is offline, is told so, and nothing is recorded', async () => {
  const site = await manager.call<Item>('POST', '/api/installations', { name: 'Sem agente' })
  const missing = await discover(site.body.id)
  expect([missing.status, missing.body.code]).toEqual([503, 'AGENT_MISSING'])
  await agent.stop()
  const offline = await eventually(async () => {
    const answer = await discover()
    return answer.status === 503 && answer
  })
  expect(offline.body.code).toBe('AGENT_OFFLINE')
  const query = `&installationId=${agent.installationId}&type=DiscoveryRequested`
  expect(await factsOf(auditor, query)).toHaveLength(1)
})
