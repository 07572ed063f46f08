/**
 * The rules of a site with real processes: an agent paired with a policy refuses at its own end, the portal says so in
 * words, and the counter of the device stays.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  Api,
  deviceNamed,
  type EndedCommand,
  endOfCommand,
  factsOf,
  type Item,
} from '../rig/api.ts'
import { type OwnAgent, pairOwnAgent, registerDevice } from '../rig/own-agent.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { root } from '../rig/processes.ts'
import { type Stack, startStack } from '../rig/stack.ts'

const program = join(root, 'agent/src/main.ts')
const agents: OwnAgent[] = []
let stack: Stack
let manager: Api
let turnstile: Item

beforeAll(async () => {
  stack = await startStack()
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  turnstile = await deviceNamed(manager, 'Catraca Entrada')
})
afterAll(async () => {
  for (const agent of agents) agent.process.kill('SIGKILL')
  await stack?.stop()
})

/** An installation whose agent holds this policy, and the demo's turnstile registered there too. */
async function siteWith(name: string, policy: object): Promise<{ agent: OwnAgent; gate: Item }> {
  const path = join(stack.dataDir, `${name}.json`)
  writeFileSync(path, JSON.stringify(policy))
  const agent = await pairOwnAgent(stack, manager, name, ['--policy', path])
  await agent.run()
  agents.push(agent)
  return { agent, gate: await register(agent, String(turnstile['baseUrl'])) }
}

function register(agent: OwnAgent, baseUrl: string): Promise<Item> {
  const credentials = { login: 'admin', password: 'admin' }
  const fields = { kind: 'turnstile', driver: 'control-id', credentials }
  return registerDevice(manager, agent.installationId, { name: 'Catraca', baseUrl, ...fields })
}

async function run(device: Item, command: string, args: object): Promise<EndedCommand> {
  const { status, body } = await manager.call<{ commandId: string }>(
    ...(['POST', `/api/devices/${device.id}/commands`, { command, args }] as const),
  )
  expect(status).toBe(202)
  const end = await endOfCommand(manager, body.commandId)
  // It lives five seconds, which pass quickly on a busy machine; then nothing was done.
  return end.status === 'expired' ? run(device, command, args) : end
}

async function request(
  device: Item,
  method: string,
  more: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: string }> {
  const { base, cookie } = await enterSession(manager, device.id)
  const headers = { cookie, accept: 'text/html', origin: base, ...more }
  return fetchPage(`${base}/`, { method, headers })
}

async function actions(): Promise<number> {
  const response = await fetch(`${turnstile['baseUrl']}/__simulator/state`)
  return ((await response.json()) as { actions: unknown[] }).actions.length
}

test('an agent that allows OpenGate and GET of one device refuses all else, and the device hears nothing', async () => {
  const { host } = new URL(String(turnstile['baseUrl']))
  const policy = { devices: [host], methods: ['GET', 'HEAD'], commands: ['OpenGate'] }
  const { agent, gate } = await siteWith('Regras', policy)
  const before = await actions()
  expect(await run(gate, 'OpenGate', { direction: 'both' })).toMatchObject({ status: 'succeeded' })
  expect(await actions()).toBe(before + 1)
  const forbidden = { status: 'refused', errorCode: 'POLICY_FORBIDS' }
  expect(await run(gate, 'OpenDoor', { door: 1 })).toMatchObject(forbidden)
  expect((await request(gate, 'GET')).status).toBe(200)
  const overriding = { 'x-http-method-override': 'POST' }
  for (const page of [await request(gate, 'POST'), await request(gate, 'GET', overriding)])
    expect([page.status, page.body]).toEqual([
      403,
      expect.stringContaining('As regras do local não permitem isto.'),
    ])
  const other = await register(agent, String((await deviceNamed(manager, 'Impressora'))['baseUrl']))
  expect(await run(other, 'OpenGate', { direction: 'both' })).toMatchObject(forbidden)
  expect((await request(other, 'GET')).status).toBe(403)
  const viaApi = await manager.call('POST', `/api/devices/${gate.id}/proxy-http`, {
    ...{ method: 'POST', path: '/load_objects.fcgi' },
  })
  expect([viaApi.status, viaApi.body['code']]).toEqual([403, 'POLICY_FORBIDS'])
  expect(await actions()).toBe(before + 1)
})

test('outside of the site’s hours nothing is done and no page is shown', async () => {
  const day = new Date(Date.now() + 3 * 86_400_000).toLocaleDateString('en-US', {
    ...{ weekday: 'short', timeZone: 'UTC' },
  })
  const open = [{ days: [day.toLowerCase()], from: '00:00', to: '01:00' }]
  const { gate } = await siteWith('Horário', { hours: { timeZone: 'UTC', open } })
  const before = await actions()
  expect(await run(gate, 'OpenGate', { direction: 'both' })).toMatchObject({
    ...{ status: 'refused', errorCode: 'POLICY_HOURS' },
  })
  const page = await request(gate, 'GET')
  expect([page.status, page.body]).toEqual([403, expect.stringContaining('neste horário')])
  expect(await actions()).toBe(before)
})

test('the portal knows the rules that the agent signed, and the log has them', async () => {
  const [agent] = agents
  const { policy } = await manager.get<{ policy: { rules: object; digest: string } }>(
    `/api/installations/${agent?.installationId}/agent`,
  )
  expect(policy.rules).toMatchObject({ methods: ['GET', 'HEAD'], commands: ['OpenGate'] })
  const auditor = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
  const facts = await factsOf(auditor, `&type=AgentPolicyStated`)
  expect(facts[0]?.data).toMatchObject({ digest: policy.digest, proof: expect.any(String) })
  expect(facts[0]?.summary).toBe('Agente de Regras informou as regras do local')
})

test('on site the agent says its rules, a wrong file is refused before the code is used, an edited one stops it', async () => {
  const [agent] = agents
  if (!agent) throw new Error('no agent')
  const options = {
    encoding: 'utf8',
    env: { ...process.env, TRAVESSIA_AGENT_HEALTH_PORT: '0' },
  } as const
  const config = ['--config', agent.configPath]
  const doctor = spawnSync(process.execPath, [program, 'doctor', ...config], options)
  expect(doctor.stdout).toContain('rules of this site: devices: only 127.0.0.1:')
  const path = join(stack.dataDir, 'wrong.json')
  writeFileSync(path, '{"methods":["get"],"hour":1}')
  const pair = ['pair', 'BCDF-GHJK', '--url', stack.httpUrl, '--policy', path]
  const wrong = spawnSync(process.execPath, [program, ...pair, ...config], options)
  expect(wrong.stderr).toContain('"hour" is no rule')
  expect(wrong.stderr).toContain('"get" is not one of GET')
  const text = JSON.parse(readFileSync(agent.configPath, 'utf8')) as object
  writeFileSync(agent.configPath, JSON.stringify({ ...text, policy: {} }))
  expect(() => execFileSync(process.execPath, [program, 'run', ...config], options)).toThrow(
    'changed after pairing',
  )
})
