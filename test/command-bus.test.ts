/**
 * OpenGate from the API to the simulated turnstile, whose own counters say what really happened: durable before
 * 202, once per key, never late, one terminal state.
 */
import { isTerminal } from '@travessia/schemas/commands'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  Api,
  deviceNamed,
  type EndedCommand,
  endOfCommand,
  factsOf,
  type Item,
} from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { registerDevice } from '../rig/own-agent.ts'
import { childPid, type Stack, startStack, whileGone } from '../rig/stack.ts'

type Issued = { readonly commandId: string; readonly expiresAt: string }

const terminal = ['Succeeded', 'Failed', 'Refused', 'Expired', 'Unknown'].map((t) => `Command${t}`)
let stack: Stack
let manager: Api
let auditor: Api
let operator: Api
let gate: Item

beforeAll(async () => {
  stack = await startStack()
  const signIn = (name: string) => new Api(stack.httpUrl).signIn(`${name}@demo.travessia`)
  const people = await Promise.all([signIn('gestor'), signIn('auditor'), signIn('operador')])
  ;[manager, auditor, operator] = people
  gate = await deviceNamed(manager, 'Catraca Entrada')
  await eventually(async () => (await open({ direction: 'both' })).status === 202)
  await settled()
})

afterAll(async () => {
  await stack?.stop()
})

function open(args: unknown, { key, as = manager, ...more }: OpenOptions = {}) {
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key }
  const body = { command: 'OpenGate', args, ...more }
  return as.call<Issued & { code: string }>(
    'POST',
    `/api/devices/${gate.id}/commands`,
    body,
    headers,
  )
}
type OpenOptions = { readonly key?: string; readonly as?: Api; readonly expiresInMs?: number }

/** What the device did and when, by its own word. */
async function actions(): Promise<Array<{ parameters: string; at: number }>> {
  const response = await fetch(`${gate['baseUrl']}/__simulator/state`)
  return ((await response.json()) as { actions: Array<{ parameters: string; at: number }> }).actions
}

async function faults(wanted: Record<string, unknown>): Promise<void> {
  const url = `${gate['baseUrl']}/__simulator/faults`
  await fetch(url, { method: 'POST', body: JSON.stringify(wanted) })
}

async function facts(commandId: string) {
  const all = await factsOf(auditor, `&deviceId=${gate.id}&kind=command`)
  return all.filter(({ streamId }) => streamId === commandId)
}

/** No command of the device is open. */
async function settled(): Promise<void> {
  await eventually(
    async () => {
      const { items } = await manager.get<{ items: EndedCommand[] }>(
        `/api/devices/${gate.id}/commands`,
      )
      return items.every(({ status }) => isTerminal(status))
    },
    { withinMs: 40_000, what: 'no open command' },
  )
}

function terminalsOf(all: ReadonlyArray<{ type: string }>): string[] {
  return all.map(({ type }) => type).filter((type) => terminal.includes(type))
}

test('202 comes after CommandIssued is in the log, and the gate opens once', async () => {
  const before = (await actions()).length
  const { status, body } = await open({ direction: 'clockwise', reason: 'visitante' })
  expect(status).toBe(202)
  const [first] = await facts(body.commandId)
  expect(first).toMatchObject({ type: 'CommandIssued', data: { usesCredentials: true } })
  const ofDevice = await factsOf(auditor, `&deviceId=${gate.id}`)
  expect(ofDevice.map(({ type }) => type)).toContain('DeviceCredentialsDelivered')
  expect((await endOfCommand(manager, body.commandId)).status).toBe('succeeded')
  const types = (await facts(body.commandId)).map(({ type }) => type)
  expect(types[0]).toBe('CommandIssued')
  expect(terminalsOf(await facts(body.commandId))).toEqual(['CommandSucceeded'])
  const done = (await actions()).slice(before)
  expect(done.map(({ parameters }) => parameters)).toEqual(['allow=clockwise'])
})

test('what somebody commands while using the page of the device is evidence of that session', async () => {
  const path = `/api/devices/${gate.id}/sessions`
  const session = await manager.call<{ sessionId: string }>('POST', path, { reason: 'visita' })
  const { sessionId } = session.body
  const { body } = await open({ direction: 'clockwise' })
  const byOther = await open({ direction: 'clockwise' }, { as: operator })
  await endOfCommand(manager, body.commandId)
  await manager.call('DELETE', `/api/sessions/${sessionId}`)
  const later = await open({ direction: 'clockwise' })
  await endOfCommand(manager, later.body.commandId)
  const listed = await factsOf(auditor, `&sessionId=${sessionId}&kind=command`)
  expect(new Set(listed.map(({ streamId }) => streamId))).toEqual(new Set([body.commandId]))
  expect(listed.map(({ type }) => type)).toContain('CommandSucceeded')
  const { events } = await auditor.get<{ events: Item[] }>(`/api/audit/sessions/${sessionId}`)
  const places = events.map(({ position }) => Number(position))
  expect(places).toEqual(places.toSorted((a, b) => a - b))
  expect(events.map(({ id }) => id)).toEqual(expect.arrayContaining(listed.map(({ id }) => id)))
  const asked = `/api/audit/export?format=csv&sessionId=${sessionId}`
  const csv = (await auditor.call<string>('GET', asked)).body
  expect(csv).toContain(body.commandId)
  for (const { body: other } of [byOther, later]) expect(csv).not.toContain(other.commandId)
})

test('the audit says who opened what and why, in Portuguese and in English', async () => {
  const { body } = await open({ direction: 'anticlockwise', reason: 'entrega' })
  await endOfCommand(manager, body.commandId)
  const summaries = (await facts(body.commandId)).map(({ summary }) => summary)
  expect(summaries[0]).toBe(
    'Gestora Ana mandou liberar Catraca Entrada Principal no sentido anti-horário, motivo: entrega',
  )
  expect(summaries.at(-1)).toMatch(/^Catraca Entrada Principal aceitou o comando, \d+ ms$/)
  await auditor.call('PATCH', '/api/auth/me', { language: 'en' })
  const english = (await facts(body.commandId)).map(({ summary }) => summary)
  await auditor.call('PATCH', '/api/auth/me', { language: 'pt-BR' })
  expect(english[0]).toBe(
    'Gestora Ana ordered to release Catraca Entrada Principal anticlockwise, reason: entrega',
  )
  expect(english.at(-1)).toMatch(/^Catraca Entrada Principal accepted the command, \d+ ms$/)
})

test('a double tap with one idempotency key is one command and one action at the device', async () => {
  const before = (await actions()).length
  const key = 'toque-1'
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => open({ direction: 'both' }, { key })),
  )
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(202))
  const ids = new Set(answers.map(({ body }) => body.commandId))
  expect(ids.size).toBe(1)
  const [commandId = ''] = ids
  await endOfCommand(manager, commandId)
  const late = await open({ direction: 'both' }, { key })
  expect([late.status, late.body.commandId]).toEqual([202, commandId])
  expect((await actions()).length).toBe(before + 1)
  expect(terminalsOf(await facts(commandId))).toHaveLength(1)
})

test('a key used again for other arguments is 409; another person’s same key is another command', async () => {
  const key = 'toque-2'
  const first = await open({ direction: 'both' }, { key })
  const reused = await open({ direction: 'clockwise' }, { key })
  expect([reused.status, reused.body.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED'])
  const other = await open({ direction: 'both' }, { key, as: operator })
  expect(other.status).toBe(202)
  expect(other.body.commandId).not.toBe(first.body.commandId)
  await settled()
})

test('arguments, names, keys and bodies out of form are 400 and leave no command', async () => {
  const count = async () => (await factsOf(auditor, '&kind=command')).length
  const before = await count()
  for (const args of [{ direction: 'up' }, {}, { direction: 'both', reason: 'x'.repeat(201) }, 7])
    expect((await open(args)).status).toBe(400)
  expect((await open({ direction: 'both', extra: 1 })).body.code).toBe('MESSAGE_INVALID')
  for (const key of ['', 'x'.repeat(129), 'com espaço', 'ç'])
    expect((await open({ direction: 'both' }, { key })).status).toBe(400)
  const path = `/api/devices/${gate.id}/commands`
  for (const body of [{ command: 'Explode', args: {} }, { command: 'OpenGate', more: 1 }, []])
    expect((await manager.call('POST', path, body)).status).toBe(400)
  const camera = await deviceNamed(manager, 'Câmera')
  const unsupported = await manager.call('POST', `/api/devices/${camera.id}/commands`, {
    ...{ command: 'OpenGate', args: { direction: 'both' } },
  })
  expect([unsupported.status, unsupported.body['code']]).toEqual([400, 'COMMAND_UNSUPPORTED'])
  expect(await count()).toBe(before)
})

test('operators may open; auditors may not, strangers get 401, another tenant 404', async () => {
  const before = (await actions()).length
  const allowed = await open({ direction: 'both' }, { as: operator })
  expect(allowed.status).toBe(202)
  await endOfCommand(manager, allowed.body.commandId)
  const foreign = await new Api(stack.httpUrl).signIn('gestor@outro.travessia')
  for (const [as, status] of [
    [auditor, 403],
    [new Api(stack.httpUrl), 401],
    [foreign, 404],
  ] as const)
    expect((await open({ direction: 'both' }, { as })).status).toBe(status)
  expect((await foreign.call('GET', `/api/commands/${allowed.body.commandId}`)).status).toBe(404)
  expect((await actions()).length).toBe(before + 1)
})

test('what the device denies is refused, not failed', async () => {
  const before = (await actions()).length
  await faults({ denied: true })
  const { body } = await open({ direction: 'both' })
  expect(await endOfCommand(manager, body.commandId)).toMatchObject({
    ...{ status: 'refused', errorCode: 'COMMAND_REFUSED', detail: 'denied' },
  })
  await faults({})
  expect(terminalsOf(await facts(body.commandId))).toEqual(['CommandRefused'])
  expect((await actions()).length).toBe(before)
})

test('a device that takes longer than the command lives ends it as unknown, never as succeeded', async () => {
  await faults({ hang: 'commands' })
  const { body } = await open({ direction: 'both' }, { expiresInMs: 1_000 })
  const state = await endOfCommand(manager, body.commandId, 31_000)
  await faults({})
  expect(['unknown', 'failed', 'expired']).toContain(state.status)
  expect(terminalsOf(await facts(body.commandId))).toHaveLength(1)
})

test('an expiry may only be shortened', async () => {
  const { body } = await open({ direction: 'both' }, { expiresInMs: 60_000 })
  const issued = Date.parse(String((await facts(body.commandId))[0]?.['at']))
  expect(Date.parse(body.expiresAt) - issued).toBe(5_000)
  await endOfCommand(manager, body.commandId)
})

test('a tap that lay on its way for longer than it lives is expired and opens nothing; its time is of the server', async () => {
  const before = (await actions()).length
  const askedAt = Date.now()
  const answer = await fetch(`${stack.httpUrl}/api/devices/${gate.id}`)
  const saidAt = Number(answer.headers.get('x-travessia-now'))
  expect(saidAt).toBeGreaterThanOrEqual(askedAt)
  expect(saidAt).toBeLessThanOrEqual(Date.now())
  const path = `/api/devices/${gate.id}/commands`
  const wanted = { command: 'OpenGate', args: { direction: 'both' } }
  const at = (actedAt: unknown) => ({ 'x-travessia-acted-at': String(actedAt) })
  const late = await manager.call('POST', path, wanted, at(saidAt - 30_000))
  expect([late.status, late.body['code']]).toEqual([409, 'COMMAND_EXPIRED'])
  const odd = await manager.call('POST', path, wanted, at('now'))
  expect([odd.status, odd.body['code']]).toEqual([400, 'MESSAGE_INVALID'])
  expect((await actions()).length).toBe(before)
  const fresh = await manager.call<Issued>('POST', path, wanted, at(saidAt))
  expect(fresh.status).toBe(202)
  expect(Date.parse(fresh.body.expiresAt)).toBe(saidAt + 5_000)
  await endOfCommand(manager, fresh.body.commandId)
})

test('a frozen agent that wakes after the expiry never opens the gate late', async () => {
  const before = (await actions()).length
  const agent = childPid(stack, 'travessia-agent.js', 'agent-matriz')
  process.kill(agent, 'SIGSTOP')
  const { status, body } = await open({ direction: 'both' })
  expect(status).toBe(202)
  const expiresAt = Date.parse(body.expiresAt)
  await eventually(async () => Date.now() > expiresAt + 1_500)
  process.kill(agent, 'SIGCONT')
  const state = await endOfCommand(manager, body.commandId, 30_000)
  expect(['expired', 'unknown']).toContain(state.status)
  await eventually(async () => (await open({ direction: 'both' })).status === 202)
  await settled()
  const late = (await actions()).slice(before).filter(({ at }) => at < expiresAt + 1_500)
  expect(late).toEqual([])
  expect(terminalsOf(await facts(body.commandId))).toHaveLength(1)
  expect((await actions()).length).toBe(before + 1)
})

test('an installation whose agent is not there answers 503, recorded as refused, and nothing is sent later', async () => {
  const site = await manager.call<Item>('POST', '/api/installations', { name: 'Sem agente' })
  const device = await registerDevice(manager, site.body.id, {
    ...{ name: 'Catraca sem agente', kind: 'turnstile', driver: 'control-id' },
    baseUrl: String(gate['baseUrl']),
  })
  const before = (await actions()).length
  const path = `/api/devices/${device.id}/commands`
  const wanted = { command: 'OpenGate', args: { direction: 'both' } }
  const refused = await manager.call('POST', path, wanted, { 'idempotency-key': 'sem-agente' })
  expect([refused.status, refused.body['code']]).toEqual([503, 'AGENT_MISSING'])
  const again = await manager.call('POST', path, wanted, { 'idempotency-key': 'sem-agente' })
  expect([again.status, again.body['code']]).toEqual([503, 'AGENT_MISSING'])
  const recorded = await factsOf(auditor, `&deviceId=${device.id}&kind=command`)
  expect(recorded.map(({ type }) => type)).toEqual(['CommandIssued', 'CommandRefused'])
  expect((await actions()).length).toBe(before)
})

test('a command to an agent that went offline is 503 at once and never reaches the device', async () => {
  const before = (await actions()).length
  const agent = childPid(stack, 'travessia-agent.js', 'agent-matriz')
  const isOffline = async () =>
    (await manager.get<{ status: string }>(`/api/installations/${gate['installationId']}/agent`))
      .status === 'OFFLINE'
  await whileGone(stack, agent, async () => {
    await eventually(isOffline, { what: 'agent offline' })
    const begun = Date.now()
    const { status, body } = await open({ direction: 'both' }, { key: 'offline-1' })
    expect([status, body.code]).toEqual([503, 'AGENT_OFFLINE'])
    // Long before it would have expired.
    expect(Date.now() - begun).toBeLessThan(4_000)
  })
  await eventually(async () => !(await isOffline()), { withinMs: 10_000, what: 'agent back' })
  const again = await open({ direction: 'both' }, { key: 'offline-1' })
  expect([again.status, again.body.code]).toEqual([503, 'AGENT_OFFLINE'])
  expect((await actions()).length).toBe(before)
})

test('every command of this suite has exactly one terminal state, and successes equal the device’s actions', async () => {
  await settled()
  const all = await factsOf(auditor, `&deviceId=${gate.id}&kind=command`)
  const byCommand = Map.groupBy(all, ({ streamId }) => streamId)
  for (const own of byCommand.values()) expect(terminalsOf(own)).toHaveLength(1)
  const succeeded = all.filter(({ type }) => type === 'CommandSucceeded').length
  const unknown = all.filter(({ type }) => type === 'CommandUnknown').length
  const done = (await actions()).length
  expect(done).toBeGreaterThanOrEqual(succeeded)
  expect(done).toBeLessThanOrEqual(succeeded + unknown)
})
