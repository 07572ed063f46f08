/**
 * A person is erased (LGPD): before it nothing in the log's files is in clear text of what is about her, after it nothing in any
 * file at all; every reader says that it was erased, nobody can sign in, and the log stays what it was.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, factsOf } from '../rig/api.ts'
import { dataFiles } from '../rig/data-files.ts'
import { eventually } from '../rig/eventually.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { OwnDevice } from '../rig/own-device.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { root } from '../rig/processes.ts'
import { type BareNode, startBareNode } from './bare-node.ts'
import { addPeople } from './people.ts'

const device = new OwnDevice()
const joana = {
  ...{
    name: 'Joana Canária',
    email: 'joana.canaria@teste.example',
    password: 'uma senha bem longa',
  },
  ip: '203.0.113.77',
  browser: 'CanaryBrowser/7',
}
const traces = [joana.name, joana.email, joana.ip, joana.browser]
const seenAt = { 'x-forwarded-for': joana.ip, 'user-agent': joana.browser }
let node: BareNode
let agent: OwnAgent
let userId: string
let sessionId: string
let path: string

beforeAll(async () => {
  node = await startBareNode({ TRAVESSIA_TRUSTED_PROXIES: '127.0.0.1' })
  agent = await startOwnAgent(node, node.admin, 'Apagar')
  const item = await registerDevice(node.admin, agent.installationId, {
    ...{ name: 'X', baseUrl: await device.start(), capture: 'bodies' },
  })
  const { name, email, password } = joana
  const person = { name, email, password, role: 'operator' }
  const made = await node.admin.call<{ id: string }>('POST', '/api/users', person)
  userId = made.body.id
  await useDevice(item.id)
})
afterAll(async () => {
  agent?.process.kill('SIGKILL')
  await device.stop()
  await node?.stop()
})

async function useDevice(deviceId: string): Promise<void> {
  const api = new Api(node.httpUrl)
  const { email, password } = joana
  const login = { email, password }
  await api.call('POST', '/api/auth/login', { ...login, password: 'errada errada' }, seenAt)
  const { body } = await api.call('POST', '/api/auth/login', login, seenAt)
  const authorization = `Bearer ${String(body['token'])}`
  const seen = { get: api.get, call: api.call.bind(api) }
  seen.call = ((method: string, target: string, sent?: unknown) =>
    api.call(method, target, sent, { ...seenAt, authorization })) as never
  const at = await enterSession(seen as never, deviceId, { reason: 'visita' })
  sessionId = at.sessionId
  const headers = { cookie: at.cookie, ...seenAt }
  await fetchPage(`${at.base}/echo`, { method: 'POST', headers, body: `I am ${joana.name}` })
  const refs = await eventually(async () => refsOf(await factsOf(node.admin)))
  path = `/api/audit/sessions/${sessionId}/bodies/${refs[0]}`
}

function refsOf(facts: Awaited<ReturnType<typeof factsOf>>): string[] | undefined {
  const answered = facts.find(({ type }) => type === 'HttpResponseReceived')
  const { requestBody } = (answered?.data ?? {}) as { requestBody?: { ref?: string } }
  return requestBody?.ref === undefined ? undefined : [requestBody.ref]
}

/** Which traces are in which files of the node. */
function found(): string[] {
  return dataFiles(node.dataDir).flatMap(({ path: file, bytes }) =>
    traces
      .filter((text) => bytes.includes(text))
      .map((text) => `${relative(node.dataDir, file).replace(/-wal$/, '')}: ${text}`),
  )
}

test('while she is there, only her account holds name and address in clear text, and readers see what happened', async () => {
  expect([...new Set(found())].toSorted()).toEqual([
    `secrets.db: ${joana.name}`,
    `secrets.db: ${joana.email}`,
  ])
  const facts = await factsOf(node.admin)
  const said = JSON.stringify(facts)
  for (const text of [joana.name, joana.ip, joana.browser]) expect(said).toContain(text)
  const { status, body } = await node.admin.call<string>('GET', path)
  expect([status, body]).toEqual([200, `I am ${joana.name}`])
  const readings = await factsOf(node.admin, '&type=AuditQueried')
  expect(readings.map(({ data }) => data)).toContainEqual({ list: 'body', filter: { sessionId } })
})

test('erasing wants a confirmation, and an administrator of all of her installations', async () => {
  const erase = `/api/users/${userId}/erase`
  const { manager, operator, auditor, narrowed, foreign } = await addPeople(
    node,
    agent.installationId,
  )
  const statusOf = async (as: Api, path = erase, body: unknown = { confirm: true }) =>
    (await as.call('POST', path, body)).status
  for (const as of [manager, operator, auditor, narrowed]) expect(await statusOf(as)).toBe(403)
  expect(await statusOf(foreign)).toBe(404)
  expect(await statusOf(node.admin, `/api/users/${'z'.repeat(26)}/erase`)).toBe(404)
  for (const body of [{ confirm: false }, { confirm: 'x' }, { confirm: true, also: 1 }, 'x'])
    expect(await statusOf(node.admin, erase, body)).toBe(400)
  expect((await node.admin.call('POST', erase, {})).body['code']).toBe('CONFIRMATION_REQUIRED')
  const me = await node.admin.get<{ id: string }>('/api/auth/me')
  const own = await node.admin.call('POST', `/api/users/${me.id}/erase`, { confirm: true })
  expect(own.body['code']).toBe('LAST_ADMIN')
})

test('nobody is erased while a legal hold keeps something of theirs', async () => {
  const { id: other } = await node.admin.get<{ id: string }>('/api/auth/me')
  const used = (await factsOf(node.admin, `&userId=${userId}`)).find((fact) => fact['deviceId'])
  const place = async (scope: string, id?: unknown) => {
    const hold = { scope, ...(id ? { id } : {}), reason: 'processo' }
    return String((await node.admin.call('POST', '/api/audit/holds', hold)).body['holdId'])
  }
  // Stays, and is in nobody's way but its person's.
  await place('user', other)
  for (const [scope, id] of [
    ['all', undefined],
    ['user', userId],
    ['session', sessionId],
    ['device', used?.['deviceId']],
    ['installation', used?.['installationId']],
  ] as const) {
    const holdId = await place(scope, id)
    const refused = await node.admin.call('POST', `/api/users/${userId}/erase`, { confirm: true })
    expect([scope, refused.status, refused.body['code']]).toEqual([scope, 409, 'LEGAL_HOLD'])
    expect((await node.admin.call('DELETE', `/api/audit/holds/${holdId}`)).status).toBe(204)
  }
})

test('installations that are an empty text do not mean all of them', async () => {
  const body = { installationIds: '' }
  expect((await node.admin.call('PATCH', `/api/users/${userId}`, body)).status).toBe(400)
  const { name, password } = joana
  const person = { name, password, email: 'outra@teste.example', role: 'operator', ...body }
  expect((await node.admin.call('POST', '/api/users', person)).status).toBe(400)
})

test('afterwards nothing of her is in any file, everybody reads that it was erased, and the log goes on', async () => {
  const before = await factsOf(node.admin)
  const erased = await node.admin.call('POST', `/api/users/${userId}/erase`, { confirm: true })
  expect(erased.status).toBe(204)
  expect(found()).toEqual([])
  const facts = await factsOf(node.admin)
  const said = JSON.stringify(facts)
  expect(traces.filter((text) => said.includes(text))).toEqual([])
  expect(said).toContain('apagado pediu uma sessão remota')
  expect(facts).toContainEqual(expect.objectContaining({ type: 'SubjectErased', data: { userId } }))
  expect(facts.slice(0, before.length).map(({ id }) => id)).toEqual(before.map(({ id }) => id))
  expect((await node.admin.call('GET', path)).body['code']).toBe('SUBJECT_ERASED')
  const { email, password } = joana
  const login = await new Api(node.httpUrl).call('POST', '/api/auth/login', { email, password })
  expect(login.status).toBe(401)
  const sessions = await node.admin.get<{ items: object[] }>('/api/audit/sessions')
  expect(sessions.items).toMatchObject([{ id: sessionId, userName: 'apagado', status: 'REVOKED' }])
})

test('the log is intact with and without her: her bodies are said to be erased, not missing', async () => {
  const response = await fetch(`${node.httpUrl}/api/audit/export?format=bundle`, {
    headers: { authorization: `Bearer ${node.admin.token}` },
  })
  const bundle = join(node.dataDir, 'bundle.zip')
  writeFileSync(bundle, Buffer.from(await response.arrayBuffer()))
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'scripts/verify.ts'), bundle])
  expect(String(stdout)).toContain('Integrity: intact')
  expect(String(stdout)).toMatch(/Bodies: \d+ erased with the person/)
  expect(status).toBe(0)
})

test('it stays so after a restart, and her address may register anew', async () => {
  await node.restart('SIGKILL')
  expect(found()).toEqual([])
  expect((await node.admin.call('GET', path)).body['code']).toBe('SUBJECT_ERASED')
  const { name, email, password } = joana
  const person = { name, email, password, role: 'operator' }
  expect((await node.admin.call('POST', '/api/users', person)).status).toBe(201)
})
