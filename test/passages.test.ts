/**
 * Who passes a turnstile, from the simulated device through a real agent into the log: at once, with the command that
 * released it, once whatever the network does, and never because somebody in the LAN says so.
 */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { Network, throughNetwork } from '../rig/network.ts'
import { type OwnAgent, pairOwnAgent, registerDevice } from '../rig/own-agent.ts'
import { ended } from '../rig/processes.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { startSimulator } from './simulator.ts'

type Passage = Item & {
  readonly outcome: string
  readonly commandId?: string
  readonly deviceUserId?: string
}

let stack: Stack
let manager: Api
let auditor: Api
let simulator: ChildProcess
let network: Network
let agent: OwnAgent
let gate: Item
let gateUrl: string

beforeAll(async () => {
  const started = await startSimulator('turnstile')
  simulator = started.process
  gateUrl = started.url
  stack = await startStack()
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  auditor = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
  agent = await pairOwnAgent(stack, manager, 'Portaria')
  network = new Network(Number(new URL(stack.wsUrl).port))
  throughNetwork(agent.configPath, await network.start())
  await agent.run()
  gate = await registerDevice(manager, agent.installationId, {
    ...{ name: 'Catraca da portaria', kind: 'turnstile', driver: 'control-id', baseUrl: gateUrl },
  })
  await eventually(async () => (await memory())?.includes('access_events'), { what: 'followed' })
}, 180_000)

afterAll(async () => {
  agent?.process.kill('SIGKILL')
  network?.stop()
  if (simulator) await ended(simulator, 'SIGTERM')
  await stack?.stop()
})

/** How far the agent is, and the path at which it listens. */
async function memory(): Promise<string | undefined> {
  try {
    return readFileSync(join(dirname(agent.configPath), 'passages.json'), 'utf8')
  } catch {
    return undefined
  }
}

async function simulate(path: 'faults' | 'person', body: object): Promise<void> {
  await fetch(`${gateUrl}/__simulator/${path}`, { method: 'POST', body: JSON.stringify(body) })
}

async function onDevice(command: string, body: object): Promise<Record<string, never>> {
  const call = async (path: string, what: object) => {
    const answer = await fetch(gateUrl + path, { method: 'POST', body: JSON.stringify(what) })
    return (await answer.json()) as Record<string, never>
  }
  const { session } = await call('/login.fcgi', { login: 'admin', password: 'admin' })
  return call(`/${command}.fcgi?session=${session}`, body)
}

async function open(direction: string): Promise<string> {
  const body = { command: 'OpenGate', args: { direction } }
  const issued = await eventually(async () => {
    const answer = await manager.call('POST', `/api/devices/${gate.id}/commands`, body)
    return answer.status === 202 && answer
  })
  return String(issued.body['commandId'])
}

async function passages(): Promise<Passage[]> {
  return (await manager.get<{ items: Passage[] }>(`/api/devices/${gate.id}/passages`)).items
}

async function passageOf(commandId: string): Promise<Passage> {
  const find = async () => (await passages()).find((one) => one.commandId === commandId)
  return eventually(find, { what: `the passage of ${commandId}` })
}

async function isOnline(): Promise<boolean> {
  const path = `/api/installations/${agent.installationId}/agent`
  return (await manager.get<{ status: string }>(path)).status === 'ONLINE'
}

const passageFacts = () => factsOf(auditor, `&deviceId=${gate.id}&kind=passage`)

test('a release, somebody walks through: PassageConfirmed within seconds, correlated with the command', async () => {
  const commandId = await open('clockwise')
  const passage = await passageOf(commandId)
  expect(passage).toMatchObject({ outcome: 'passed', direction: 'clockwise', way: 'entry' })
  const issued = (await factsOf(auditor, `&deviceId=${gate.id}&kind=command`)).find(
    ({ streamId }) => streamId === commandId,
  )
  const [fact, ...others] = (await passageFacts()).filter((one) => one['commandId'] === commandId)
  expect(others).toEqual([])
  expect(fact).toMatchObject({ type: 'PassageConfirmed', correlationId: issued?.['correlationId'] })
  expect(fact?.summary).toBe('Entrada confirmada em Catraca da portaria, sentido horário')
  const known = await manager.get<{ state: object }>(`/api/devices/${gate.id}/state`)
  expect(known.state).toMatchObject({ entry: 'clockwise' })
  const { deviceTime, agentTime } = (fact?.data ?? {}) as Record<string, string>
  // Of one clock, the device's in whole seconds: no time zone lies between them.
  expect(Math.abs(Date.parse(deviceTime ?? '') - Date.parse(agentTime ?? ''))).toBeLessThan(60_000)
})

test('nobody walks through: PassageGivenUp, with the command', async () => {
  await onDevice('set_configuration', { general: { catra_timeout: '700' } })
  await simulate('faults', { giveUp: true })
  const commandId = await open('both')
  expect(await passageOf(commandId)).toMatchObject({ outcome: 'gave-up' })
  await simulate('faults', {})
})

test('somebody with a card is no command’s passage; one that the device denies is said so', async () => {
  await simulate('person', { userId: 42, turn: 'TURN_LEFT' })
  await simulate('person', { userId: 43, isDenied: true })
  const of = async (user: string) =>
    (await passages()).find(({ deviceUserId }) => deviceUserId === user)
  const let42 = await eventually(() => of('42'))
  expect(let42).toMatchObject({ outcome: 'passed', way: 'exit' })
  expect(let42.commandId).toBeUndefined()
  expect(await eventually(() => of('43'))).toMatchObject({ outcome: 'denied' })
})

test('a passage while the link is cut comes after the reconnect, exactly once, though the device tells it twice', async () => {
  const before = (await passageFacts()).length
  await simulate('faults', { tellTwice: true })
  network.silence()
  network.cut()
  for (const userId of [51, 52]) await simulate('person', { userId })
  expect(await passageFacts()).toHaveLength(before)
  network.restore()
  await eventually(async () => (await passageFacts()).length >= before + 2, {
    ...{ withinMs: 40_000, what: 'passages after the reconnect' },
  })
  // An agent that is killed and started again tells nothing anew.
  await ended(agent.process, 'SIGKILL')
  await eventually(async () => !(await isOnline()), { what: 'agent offline' })
  await agent.run()
  const commandId = await open('clockwise')
  await passageOf(commandId)
  const users = (await passageFacts()).map(({ data }) => data['deviceUserId'])
  expect(users.filter((user) => user === '51' || user === '52')).toEqual(['51', '52'])
  await simulate('faults', {})
}, 90_000)

test('what somebody in the LAN says at the inlet is no fact; without its path and id it is refused', async () => {
  const { path } = Object.values(JSON.parse((await memory()) ?? '{}'))[0] as { path: string }
  // Of the agent that was started last: it has told the device its port.
  const port = await eventually(async () => {
    const { monitor } = await onDevice('get_configuration', { monitor: ['port'] })
    const url = `http://127.0.0.1:${monitor?.['port']}`
    return (await fetch(url).catch(() => undefined)) && monitor?.['port']
  })
  const tell = async (where: string, body: object | string) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const url = `http://127.0.0.1:${port}/${where}`
    return (await fetch(url, { method: 'POST', body: text })).status
  }
  const before = (await passageFacts()).length
  const event = { event: { type: 7, name: 'TURN LEFT', time: 1, uuid: 'f' }, access_event_id: 99 }
  expect(await tell(`${path}/catra_event`, { ...event, device_id: 478_435 })).toBe(200)
  expect(await tell(`${path}/catra_event`, { ...event, device_id: 1 })).toBe(403)
  expect(await tell(`travessia/${'z'.repeat(26)}/catra_event`, event)).toBe(404)
  expect(await tell(`${path}/catra_event`, 'x'.repeat(70_000))).toBe(413)
  await open('clockwise').then(passageOf)
  expect(await passageFacts()).toHaveLength(before + 1)
})
