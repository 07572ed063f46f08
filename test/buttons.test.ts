/** Declared buttons of any HTTP device, from the form's request to the device, which counts what reached it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, type EndedCommand, endOfCommand, factsOf, type Item } from '../rig/api.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { OwnDevice } from '../rig/own-device.ts'
import { type Stack, startStack } from '../rig/stack.ts'

const device = new OwnDevice()
const credentials = { login: 'bomba', password: 'segredo-da-bomba' }
const buttons = [
  { name: 'Ligar bomba', method: 'POST', path: '/basic?on=1', body: 'on' },
  { name: 'Luz', method: 'GET', path: '/answer?status=200', safety: 'reversible' },
  { name: 'Recusa', method: 'POST', path: '/answer?status=409' },
  { name: 'Quebra', method: 'POST', path: '/answer?status=500' },
]
let stack: Stack
let manager: Api
let auditor: Api
let agent: OwnAgent
let pump: Item

beforeAll(async () => {
  stack = await startStack()
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  auditor = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
  agent = await startOwnAgent(stack, manager, 'Bombas')
  const baseUrl = await device.start()
  const fields = { name: 'Bomba 1', baseUrl, buttons, credentials }
  pump = await registerDevice(manager, agent.installationId, fields)
})

afterAll(async () => {
  agent?.process.kill('SIGKILL')
  await device.stop()
  await stack?.stop()
})

const press = (button: string) =>
  manager.call<{ commandId: string; code: string }>('POST', `/api/devices/${pump.id}/commands`, {
    ...{ command: 'PressButton', args: { button, reason: 'rega' } },
  })

/** Presses, and waits for what comes of it. */
async function outcome(button: string): Promise<EndedCommand> {
  const { status, body } = await press(button)
  expect(status).toBe(202)
  return endOfCommand(manager, body.commandId)
}

const seen = (path: string) => device.seen.filter((one) => one.startsWith(path))

test('a press is one request at the device, with its sign-in, and the log tells it as a sentence', async () => {
  const { id, status } = await outcome('Ligar bomba')
  expect(status).toBe('succeeded')
  expect(seen('/basic')).toEqual(['/basic?on=1'])
  const facts = (await factsOf(auditor, `&deviceId=${pump.id}&kind=command`)).filter(
    ({ streamId }) => streamId === id,
  )
  expect(facts.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['CommandIssued', 'CommandSucceeded']),
  )
  expect(facts[0]?.summary).toBe('Gestora Ana acionou “Ligar bomba” em Bomba 1, motivo: rega')
  expect(JSON.stringify(facts)).not.toContain(credentials.password)
})

test.each([
  ['Recusa', 'refused', 'COMMAND_REFUSED', '/answer?status=409'],
  ['Quebra', 'unknown', 'COMMAND_UNKNOWN', '/answer?status=500'],
])('%s ends as %s and is never repeated', async (button, status, errorCode, path) => {
  expect(await outcome(button)).toMatchObject({ status, errorCode })
  expect(seen(path)).toEqual([path])
})

test('the device lists the press among its commands, with the names of its buttons', async () => {
  const { commands, ...shown } = await manager.get<Item & { commands: Item[] }>(
    `/api/devices/${pump.id}`,
  )
  expect(shown['buttons']).toEqual(buttons)
  expect(commands).toMatchObject([{ name: 'PressButton', safety: 'physical', expiresInMs: 5_000 }])
  const args = commands[0]?.['args'] as { properties: { button: { enum: string[] } } }
  expect(args.properties.button.enum).toEqual(buttons.map(({ name }) => name))
})

test('a button that is gone cannot be pressed, and a new one can at once', async () => {
  const path = `/api/devices/${pump.id}`
  const next = [{ name: 'Nova', method: 'PUT', path: '/answer?status=204' }]
  expect((await manager.call('PATCH', path, { buttons: next })).status).toBe(200)
  const gone = await press('Ligar bomba')
  expect([gone.status, gone.body.code]).toEqual([400, 'COMMAND_UNSUPPORTED'])
  expect((await outcome('Nova')).status).toBe('succeeded')
  expect((await manager.call('PATCH', path, { buttons: [] })).status).toBe(200)
  expect(await manager.get(path)).toMatchObject({ buttons: [], commands: [] })
})

test.each([
  ['a path that leaves the root', [{ ...buttons[0], path: '/a/../../b' }]],
  ['another host', [{ ...buttons[0], path: '//evil.example/' }]],
  ['two of one name', [buttons[0], buttons[0]]],
  ['a body beyond 4 KiB', [{ ...buttons[0], body: 'ç'.repeat(3_000) }]],
  ['a method that is none', [{ ...buttons[0], method: 'CONNECT' }]],
  ['seventeen', Array.from({ length: 17 }, (_, i) => ({ ...buttons[0], name: `${i}` }))],
])('%s is refused at the border', async (_what, wanted) => {
  const { status, body } = await manager.call('PATCH', `/api/devices/${pump.id}`, {
    buttons: wanted,
  })
  expect([status, body['code']]).toEqual([400, 'MESSAGE_INVALID'])
})

test('a turnstile, and a device that no agent reaches, has no buttons', async () => {
  for (const change of [{ driver: 'control-id' }, { viaAgent: false }]) {
    const path = `/api/devices/${pump.id}`
    const { status } = await manager.call('PATCH', path, { ...change, buttons })
    expect(status).toBe(400)
  }
})
