/**
 * The two-person rule with real processes: nothing reaches the turnstile before another person's yes, whatever is
 * killed meanwhile, and then it turns once.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed, endOfCommand, factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { childPid, type Stack, startStack, whileGone } from '../rig/stack.ts'

type State = { readonly status: string; readonly errorCode: string | null; readonly code?: string }

let stack: Stack
let admin: Api
let manager: Api
let operator: Api
let auditor: Api
let stranger: Api
let gate: Item

beforeAll(async () => {
  stack = await startStack()
  const signIn = (email: string) => new Api(stack.httpUrl).signIn(email)
  const names = ['admin', 'gestor', 'operador', 'auditor'].map((name) => `${name}@demo.travessia`)
  const people = await Promise.all([...names, 'gestor@outro.travessia'].map(signIn))
  ;[admin, manager, operator, auditor, stranger] = people as [Api, Api, Api, Api, Api]
  gate = await deviceNamed(manager, 'Catraca Entrada')
  await agentBack()
})
afterAll(async () => {
  await stack?.stop()
})

async function rule(safety: string[], deviceIds: string[] = [], as = admin): Promise<number> {
  return (await as.call('PATCH', '/api/policy', { secondPerson: { safety, deviceIds } })).status
}
async function ask(as = manager) {
  const body = { command: 'OpenGate', args: { direction: 'both' }, confirm: true }
  const path = `/api/devices/${gate.id}/commands`
  const asked = await as.call<{ commandId: string; status: string }>('POST', path, body)
  expect(asked.status).toBe(202)
  return asked.body
}
function decide(commandId: string, act: 'approve' | 'reject', as: Api) {
  return as.call<State>('POST', `/api/commands/${commandId}/${act}`)
}
async function stateOf(commandId: string): Promise<string> {
  return (await manager.get<State>(`/api/commands/${commandId}`)).status
}
async function turns(): Promise<number> {
  const response = await fetch(`${gate['baseUrl']}/__simulator/state`)
  return ((await response.json()) as { actions: unknown[] }).actions.length
}
async function agentBack(): Promise<void> {
  const path = `/api/installations/${gate['installationId']}/agent`
  await eventually(
    async () => (await manager.get<State>(path).catch(() => undefined))?.status === 'ONLINE',
    { withinMs: 60_000, what: 'the agent back' },
  )
}
async function endOf(commandId: string): Promise<string> {
  return (await endOfCommand(manager, commandId)).status
}

test('without a rule one person is enough; with it the second one’s yes turns the turnstile once', async () => {
  expect(await endOf((await ask()).commandId)).toBe('succeeded')
  expect(await rule(['physical'], [], manager)).toBe(403)
  expect(await rule(['physical'])).toBe(200)
  const before = await turns()
  const { commandId, status } = await ask()
  expect(status).toBe('awaiting')
  const { items } = await operator.get<{ items: Item[] }>('/api/approvals')
  expect(items).toMatchObject([{ id: commandId, deviceName: gate.name, userName: 'Gestora Ana' }])
  const otherLogin = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  for (const [as, code] of [
    [manager, 403],
    [otherLogin, 403],
    [auditor, 403],
    [stranger, 404],
  ] as const)
    expect((await decide(commandId, 'approve', as)).status).toBe(code)
  expect([await stateOf(commandId), await turns()]).toEqual(['awaiting', before])
  expect((await decide(commandId, 'approve', operator)).status).toBe(200)
  expect(await endOf(commandId)).toBe('succeeded')
  expect((await decide(commandId, 'approve', admin)).status).toBe(200)
  expect(await turns()).toBe(before + 1)
  const facts = await factsOf(auditor, `&deviceId=${gate.id}&kind=command`)
  const own = facts.filter(({ streamId }) => streamId === commandId)
  expect(own.slice(0, 3).map(({ summary }) => summary)).toEqual([
    'Gestora Ana mandou liberar Catraca Entrada Principal nos dois sentidos; aguarda outra pessoa',
    'Operador Léo aprovou o comando a Catraca Entrada Principal',
    'Gestora Ana mandou liberar Catraca Entrada Principal nos dois sentidos',
  ])
})

test('a rejected command never runs', async () => {
  const before = await turns()
  const { commandId } = await ask(operator)
  expect((await decide(commandId, 'reject', manager)).body).toMatchObject({
    ...{ status: 'refused', errorCode: 'APPROVAL_REJECTED', decidedByName: 'Gestora Ana' },
  })
  const late = await decide(commandId, 'approve', admin)
  expect([late.status, late.body.code]).toEqual([409, 'APPROVAL_REJECTED'])
  expect(await turns()).toBe(before)
})

test('the node killed while a command waits: it still waits, nothing was sent, and it can be approved', async () => {
  const before = await turns()
  const { commandId } = await ask()
  process.kill(childPid(stack, 'api/src/main.ts'), 'SIGKILL')
  await agentBack()
  expect(await stateOf(commandId)).toBe('awaiting')
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  expect([await stateOf(commandId), await turns()]).toEqual(['awaiting', before])
  expect((await decide(commandId, 'approve', operator)).status).toBe(200)
  expect(await endOf(commandId)).toBe('succeeded')
  expect(await turns()).toBe(before + 1)
}, 120_000)

test('an approval while the agent is offline is refused, and nothing happens when it is back', async () => {
  const before = await turns()
  const { commandId } = await ask()
  const path = `/api/installations/${gate['installationId']}/agent`
  const answer = await whileGone(stack, childPid(stack, 'agent/', 'agent-matriz'), async () => {
    await eventually(async () => (await manager.get<State>(path)).status === 'OFFLINE')
    return decide(commandId, 'approve', operator)
  })
  expect([answer.status, answer.body.code]).toEqual([503, 'AGENT_OFFLINE'])
  await agentBack()
  expect([await stateOf(commandId), await turns()]).toEqual(['refused', before])
}, 120_000)

test('a rule for one device; and whoever is narrowed, or names a foreign device, sets none', async () => {
  expect(await rule([], [gate.id])).toBe(200)
  expect((await ask()).status).toBe('awaiting')
  const other = await deviceNamed(manager, 'Impressora')
  expect(await rule([], [other.id])).toBe(200)
  expect((await ask()).status).toBe('issued')
  const theirs = await deviceNamed(stranger, '')
  expect(await rule([], [theirs.id])).toBe(404)
  expect(await rule(['read'])).toBe(400)
  const facts = await factsOf(auditor, '&type=PolicyChanged')
  expect(facts.at(-1)?.data).toEqual({ secondPerson: { safety: [], deviceIds: [other.id] } })
})
