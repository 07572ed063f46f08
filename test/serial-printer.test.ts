/**
 * A 3D printer on a serial port of the agent's host, from the API to the board: `travessia-agent simulate marlin`
 * behind a pseudo terminal (Debian package socat).
 */
import type { ChildProcess } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, type EndedCommand, endOfCommand, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { ended } from '../rig/processes.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { startSimulator } from './simulator.ts'

type Known = { readonly state: { status: string; detail?: string; job?: { file: string } } | null }

let stack: Stack
let manager: Api
let agent: OwnAgent
let simulator: ChildProcess
let baseUrl: string
let printer: Item

beforeAll(async () => {
  const started = await startSimulator('marlin')
  simulator = started.process
  baseUrl = started.url
  stack = await startStack()
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  agent = await startOwnAgent(stack, manager, 'Oficina')
  printer = await registerDevice(manager, agent.installationId, { ...serial, baseUrl })
})

afterAll(async () => {
  if (agent?.process) await ended(agent.process, 'SIGTERM')
  if (simulator) await ended(simulator, 'SIGTERM')
  await stack?.stop()
})

const serial = { name: 'Impressora da oficina', kind: 'printer', driver: 'marlin' }

async function run(command: string, args = {}): Promise<EndedCommand> {
  const path = `/api/devices/${printer.id}/commands`
  const { body } = await manager.call<{ commandId: string }>('POST', path, { command, args })
  return endOfCommand(manager, body.commandId)
}

const known = async (status: string) => {
  const { state } = await manager.get<Known>(`/api/devices/${printer.id}/state`)
  return state?.status === status && state
}

test('its state is known without anybody asking, and its card can be read', async () => {
  const state = await eventually(() => known('idle'), { withinMs: 30_000 })
  expect(state).toMatchObject({ files: ['SUPORT~1.GCO', 'CUBO.GCO'] })
})

test('a manager starts a print, pauses it, and sees both', async () => {
  expect((await run('StartPrint', { file: 'CUBO.GCO' })).status).toBe('succeeded')
  expect(await eventually(() => known('printing'))).toMatchObject({ job: { file: 'CUBO.GCO' } })
  expect((await run('PausePrint')).status).toBe('succeeded')
  await eventually(() => known('paused'))
})

test('a file that the printer does not hold is refused by the printer', async () => {
  expect((await run('CancelPrint')).status).toBe('succeeded')
  expect(await run('StartPrint', { file: 'NONE.GCO' })).toMatchObject({
    ...{ status: 'refused', errorCode: 'COMMAND_REFUSED' },
  })
})

test('a remote session and an API call are refused with a code: there is no page', async () => {
  const session = await manager.call('POST', `/api/devices/${printer.id}/sessions`, {
    reason: 'ver a página',
  })
  expect([session.status, session.body['code']]).toEqual([502, 'TARGET_FORBIDDEN'])
  const proxied = await manager.call('POST', `/api/devices/${printer.id}/proxy-http`, {
    ...{ method: 'GET', path: '/' },
  })
  expect([proxied.status, proxied.body['code']]).toEqual([502, 'TARGET_FORBIDDEN'])
})

test.each([
  ['a serial port with another driver', { ...serial, driver: 'http' }],
  ['a serial port without an agent', { ...serial, viaAgent: false }],
  ['this driver with a web address', { ...serial, baseUrl: 'http://10.0.0.9' }],
  ['a file that is no port', { ...serial, baseUrl: 'serial:///dev/sda' }],
  ['a way out of /dev', { ...serial, baseUrl: 'serial:///dev/serial/by-id/../../../etc/x' }],
])('%s cannot be registered', async (_name, fields) => {
  const path = `/api/installations/${agent.installationId}/devices`
  const answer = await manager.call('POST', path, { viaAgent: true, baseUrl, ...fields })
  expect([answer.status, answer.body['code']]).toEqual([400, 'MESSAGE_INVALID'])
})

test('a registered printer cannot be changed into one of those', async () => {
  for (const change of [{ driver: 'http' }, { viaAgent: false }, { baseUrl: 'http://10.0.0.9' }]) {
    const answer = await manager.call('PATCH', `/api/devices/${printer.id}`, change)
    expect([answer.status, answer.body['code']]).toEqual([400, 'MESSAGE_INVALID'])
  }
  const renamed = await manager.call('PATCH', `/api/devices/${printer.id}`, { name: 'Oficina 1' })
  expect(renamed.body).toMatchObject({ name: 'Oficina 1', baseUrl })
})

test('when its cable is pulled it is offline, and a command fails: nothing happened', async () => {
  await ended(simulator, 'SIGKILL')
  await eventually(() => known('offline'), { withinMs: 30_000 })
  expect((await run('StartPrint', { file: 'CUBO.GCO' })).status).toBe('failed')
})
