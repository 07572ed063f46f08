/**
 * The past is read by the audit's door only, and who goes through it leaves a fact; what was altered behind the node's back is
 * not shown, and the rest of its list is.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { registerDevice } from '../rig/own-agent.ts'
import { root } from '../rig/processes.ts'
import { type BareNode, clockAhead, startBareNode } from './bare-node.ts'
import { addPeople, type People, password } from './people.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-door-'))
const clock = join(directory, 'ahead-ms')
let node: BareNode
let people: People
let site: Item
let elsewhere: Item

beforeAll(async () => {
  writeFileSync(clock, '0')
  node = await startBareNode(clockAhead(clock))
  const made = async (name: string) =>
    (await node.admin.call<Item>('POST', '/api/installations', { name })).body
  site = await made('Matriz')
  elsewhere = await made('Filial')
  people = await addPeople(node, site.id)
})
afterAll(async () => {
  await node?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** What a live stream from there on tells until it has told what happens now. */
async function live(as: Api, after: number): Promise<string> {
  const abort = new AbortController()
  const headers = { authorization: `Bearer ${as.token}` }
  const url = `${node.httpUrl}/api/events?after=${after}`
  const response = await fetch(url, { headers, signal: abort.signal })
  const customer = `C${Math.random()}`
  const change = node.admin.call('PATCH', `/api/installations/${site.id}`, { customer })
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += new TextDecoder().decode(chunk)
    if (text.includes(customer)) break
  }
  abort.abort()
  await change
  return text
}

async function newest(): Promise<number> {
  const facts = await factsOf(node.admin)
  return Number(facts.at(-1)?.['position'])
}

const readings = async (list: string) =>
  (await factsOf(node.admin, '&type=AuditQueried')).filter(({ data }) => data['list'] === list)

test('a live stream tells who may not read the audit nothing about a person', async () => {
  const gate = { name: 'X', kind: 'http', driver: 'http', baseUrl: 'http://10.0.0.7' }
  const { id } = await registerDevice(node.admin, site.id, { ...gate, viaAgent: true })
  const after = await newest()
  const browser = { 'user-agent': 'CanaryBrowser/7' }
  await people.manager.call('POST', `/api/devices/${id}/sessions`, {}, browser)
  const [told, audited] = [await live(people.operator, after), await live(people.auditor, after)]
  for (const text of [told, audited]) expect(text).toContain('SessionRequested')
  for (const text of ['CanaryBrowser/7', 'clientIp']) {
    expect(told).not.toContain(text)
    expect(audited).toContain(text)
  }
})

test('catching up is a reading: once in five minutes for whoever may read the audit, and no fact of who may not', async () => {
  const idOf = async (as: Api) => (await as.get<Item>('/api/auth/me')).id
  const [auditor, operator] = [await idOf(people.auditor), await idOf(people.operator)]
  for (const as of [people.auditor, people.operator]) await live(as, (await newest()) - 1)
  const readers = (await readings('live')).map(({ actor }) => (actor as Item).id)
  expect(readers.filter((id) => id === auditor)).toHaveLength(1)
  expect(readers).not.toContain(operator)
})

test('what is older than five minutes is not told: whoever comes back then fetches again', async () => {
  expect(await live(people.manager, 0)).toContain('TenantCreated')
  const before = await readings('live')
  writeFileSync(clock, String(6 * 60_000))
  await node.restart('SIGTERM')
  const text = await live(people.manager, 0)
  expect(text).toMatch(/^retry: \d+\n\nevent: reset\nid: \d+\n/)
  expect(text).not.toContain('TenantCreated')
  expect(await readings('live')).toHaveLength(before.length)
})

test('a no is a fact whoever says it, the hook or the handler, and once', async () => {
  const hold = { scope: 'all', reason: 'processo' }
  const role = {
    email: 'outro@teste.example',
    name: 'O',
    role: 'operator',
    password: 'x'.repeat(12),
  }
  const asked = [
    [people.operator, 'GET', '/api/audit/events'],
    [people.narrowed, 'POST', '/api/installations', { name: 'Nova' }],
    [people.narrowed, 'POST', '/api/audit/holds', hold],
    [people.narrowed, 'POST', '/api/users', { ...role, installationIds: [elsewhere.id] }],
    [people.narrowed, 'GET', `/api/audit/events?installationId=${elsewhere.id}`],
    [people.narrowed, 'GET', `/api/installations/${elsewhere.id}`],
  ] as const
  const after = (await factsOf(node.admin, '&type=AccessDenied')).length
  const answers: unknown[] = []
  for (const [as, method, path, body] of asked) {
    const answer = await as.call(method, path, body)
    answers.push({ errorCode: answer.body['code'], method, path })
  }
  const facts = (await factsOf(node.admin, '&type=AccessDenied')).slice(after)
  expect(facts.map(({ data }) => data)).toEqual(answers)
  const codes = ['PERMISSION_DENIED', 'NOT_FOUND']
  expect(facts.map(({ data }) => data['errorCode'])).toEqual(
    [0, 0, 0, 0, 1, 1].map((index) => codes[index]),
  )
})

test('asking for the head of an export is none, and no fact of one', async () => {
  const before = await factsOf(node.admin, '&type=AuditExported')
  const path = '/api/audit/export?format=csv'
  expect((await node.admin.call('HEAD', path)).status).toBe(404)
  expect(await factsOf(node.admin, '&type=AuditExported')).toEqual(before)
  await node.admin.call('GET', path)
  expect(await factsOf(node.admin, '&type=AuditExported')).toHaveLength(before.length + 1)
})

test('an event that was altered in the file is not shown, its list is, and the log is said to be damaged there', async () => {
  const before = await factsOf(node.admin, '&type=InstallationCreated')
  const altered = before.find(({ summary }) => summary.includes('Filial'))
  const database = new DatabaseSync(join(node.dataDir, 'events.db'), { timeout: 5_000 })
  database.exec('drop trigger event_is_never_changed')
  database
    .prepare(`update event set body = replace(body, 'Filial', 'Fraude') where position = ?`)
    .run(Number(altered?.['position']))
  database.close()
  for (const as of [node.admin, people.auditor]) {
    const after = await factsOf(as, '&type=InstallationCreated')
    expect(after.map(({ position }) => position)).toEqual(before.map(({ position }) => position))
    expect(after.map(({ type }) => type)).toEqual(['InstallationCreated', 'EventAltered'])
    expect(JSON.stringify(after)).not.toContain('Fraude')
  }
  const damage = { status: 'damaged', damagedAt: altered?.['logIndex'] }
  await eventually(async () => {
    const integrity = await node.admin.get<Record<string, unknown>>('/api/audit/integrity')
    return integrity['status'] === 'damaged'
  })
  expect(await people.auditor.get('/api/audit/integrity')).toMatchObject(damage)
  await lookAt(altered?.['logIndex'] as number)
})

/** Nothing is done any more; whoever comes now still gets in, sees it and takes it along. */
async function lookAt(damagedAt: number): Promise<void> {
  const refused = await node.admin.call('POST', '/api/installations', { name: 'Outra' })
  expect(refused).toMatchObject({ status: 503, body: { code: 'STORE_UNAVAILABLE' } })
  const late = await new Api(node.httpUrl).signIn('auditor@teste.example', password)
  const csv = (await late.call<string>('GET', '/api/audit/export?format=csv')).body
  expect(csv).toContain('EventAltered')
  expect(csv).not.toContain('Fraude')
  const bundle = join(directory, 'damaged.zip')
  const headers = { authorization: `Bearer ${late.token}` }
  const response = await fetch(`${node.httpUrl}/api/audit/export?format=bundle`, { headers })
  writeFileSync(bundle, Buffer.from(await response.arrayBuffer()))
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'scripts/verify.ts'), bundle])
  expect([status, String(stdout)]).toEqual([1, expect.stringContaining(`#${damagedAt} `)])
  expect((await late.call('POST', '/api/auth/logout')).status).toBe(204)
}
