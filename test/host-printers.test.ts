/**
 * 3D printers behind OctoPrint and behind Klipper with Moonraker, from the API to the machine: the processes are those
 * of `travessia-agent simulate printer` and `simulate moonraker`, and what they did is compared with what was said.
 */
import type { ChildProcess } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api, type EndedCommand, endOfCommand } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { ended } from '../rig/processes.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { startSimulator } from './simulator.ts'

type Known = { readonly state: { status: string; detail?: string; job?: { file: string } } | null }

let stack: Stack
let manager: Api
let agent: OwnAgent
const simulators: ChildProcess[] = []

beforeAll(async () => {
  stack = await startStack()
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  agent = await startOwnAgent(stack, manager, 'Sala de impressão')
})

afterAll(async () => {
  if (agent?.process) await ended(agent.process, 'SIGTERM')
  for (const simulator of simulators) await ended(simulator, 'SIGTERM')
  await stack?.stop()
})

async function simulated(kind: string): Promise<{ url: string; process: ChildProcess }> {
  const started = await startSimulator(kind)
  simulators.push(started.process)
  return started
}

function deviceOf(id: string) {
  const known = async (status: string, file?: string) => {
    const { state } = await manager.get<Known>(`/api/devices/${id}/state`)
    return state?.status === status && (file === undefined || state.job?.file === file) && state
  }
  return {
    becomes: (status: string, file?: string) =>
      eventually(() => known(status, file), { withinMs: 30_000 }),
    async run(command: string, args = {}): Promise<EndedCommand> {
      const path = `/api/devices/${id}/commands`
      const { body } = await manager.call<{ commandId: string }>('POST', path, { command, args })
      return endOfCommand(manager, body.commandId)
    },
  }
}

async function register(
  fields: { name: string; driver: string; baseUrl: string },
  password = 'simulator-key',
): Promise<ReturnType<typeof deviceOf>> {
  const credentials = { login: 'travessia', password }
  const whole = { ...fields, kind: 'printer', credentials }
  return deviceOf((await registerDevice(manager, agent.installationId, whole)).id)
}

async function countsOf(url: string): Promise<object> {
  const state = await (await fetch(`${url}/__simulator/state`)).json()
  return (state as { counts: object }).counts
}

describe.each([
  { driver: 'octoprint', simulator: 'printer' },
  { driver: 'moonraker', simulator: 'moonraker' },
])('$driver', ({ driver, simulator }) => {
  let device: ReturnType<typeof deviceOf>
  let url: string
  let machine: ChildProcess

  const counts = () => countsOf(url)

  beforeAll(async () => {
    const started = await simulated(simulator)
    url = started.url
    machine = started.process
    device = await register({ name: `Impressora ${driver}`, driver, baseUrl: url })
  })

  test('its state is known without anybody asking', async () => {
    const state = await device.becomes(simulator === 'printer' ? 'printing' : 'idle')
    expect(state).toMatchObject({ files: expect.arrayContaining(['tampa.gcode']) })
    if (simulator === 'printer') expect((await device.run('CancelPrint')).status).toBe('succeeded')
  })

  test('a print is started, paused, resumed and cancelled, each once, and seen', async () => {
    const before = await counts()
    const file = 'peças/engrenagem 12.gcode'
    expect(await device.run('StartPrint', { file })).toMatchObject({
      ...{ status: 'succeeded', confirmed: true },
    })
    await device.becomes('printing', file)
    for (const [command, status] of [
      ['PausePrint', 'paused'],
      ['ResumePrint', 'printing'],
    ] as const) {
      expect((await device.run(command)).status).toBe('succeeded')
      await device.becomes(status)
    }
    expect((await device.run('CancelPrint')).status).toBe('succeeded')
    const once = Object.fromEntries(
      Object.entries(before).map(([name, count]) => [
        name,
        Number(count) + (['start', 'pause', 'resume', 'cancel'].includes(name) ? 1 : 0),
      ]),
    )
    expect(await counts()).toEqual(once)
  })

  test('what does not fit the state of the printer is refused, and not done', async () => {
    const before = await counts()
    const refused = { status: 'refused', errorCode: 'COMMAND_REFUSED' }
    expect(await device.run('PausePrint')).toMatchObject({ ...refused, detail: 'PRINTER_STATE' })
    expect(await device.run('StartPrint', { file: 'nada.gcode' })).toMatchObject(refused)
    expect(await counts()).toEqual(before)
  })

  test('an emergency stop reaches the machine, and its state says so', async () => {
    expect((await device.run('EmergencyStop')).status).toBe('succeeded')
    await device.becomes('estop')
    expect(await counts()).toMatchObject({ emergencyStop: 1 })
  })

  test('when its host is gone it is offline, and a command fails: nothing happened', async () => {
    await ended(machine, 'SIGKILL')
    await device.becomes('offline')
    expect(await device.run('EmergencyStop')).toMatchObject({
      ...{ status: 'failed', errorCode: 'DEVICE_UNREACHABLE' },
    })
  })
})

test('with a wrong API key the state is not known, a command is refused, and nothing happens', async () => {
  const { url } = await simulated('printer')
  const before = await countsOf(url)
  const fields = { name: 'Chave errada', driver: 'octoprint', baseUrl: url }
  const stranger = await register(fields, 'wrong')
  await stranger.becomes('unknown')
  expect(await stranger.run('EmergencyStop')).toMatchObject({
    ...{ status: 'refused', errorCode: 'COMMAND_REFUSED', detail: 'DEVICE_SIGN_IN_REFUSED' },
  })
  expect(await countsOf(url)).toEqual(before)
})
