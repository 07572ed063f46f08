/** Retention, legal holds and the state at a past position, as administrators and auditors ask for them. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Due } from '@travessia/schemas/retention'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, factsOf, type Item } from '../rig/api.ts'
import { root } from '../rig/processes.ts'
import { type BareNode, clockAhead, startBareNode } from './bare-node.ts'
import { addPeople, type People } from './people.ts'

const paths = {
  ...{ retention: '/api/audit/retention', dryRun: '/api/audit/retention/dry-run' },
  ...{ apply: '/api/audit/retention/apply', holds: '/api/audit/holds', state: '/api/audit/state' },
}
const dayMs = 86_400_000
const unknown = 'z'.repeat(26)
const directory = mkdtempSync(join(tmpdir(), 'travessia-clock-'))
const clock = join(directory, 'ahead')
let node: BareNode
let people: People
let site: Item
let theirs: Item

beforeAll(async () => {
  writeFileSync(clock, '0')
  node = await startBareNode(clockAhead(clock))
  site = (await node.admin.call<Item>('POST', '/api/installations', { name: 'Matriz' })).body
  people = await addPeople(node, site.id)
  const other = await people.foreign.call<Item>('POST', '/api/installations', { name: 'Sede' })
  theirs = other.body
})
afterAll(async () => {
  await node?.stop()
  rmSync(directory, { recursive: true, force: true })
})

const codeOf = async (as: Api, method: string, path: string, body?: unknown) => {
  const answer = await as.call(method, path, body)
  return [answer.status, answer.body?.['code']]
}
const hold = (fields: object) => ({ scope: 'installation', id: site.id, reason: 'x', ...fields })

test('only an administrator of all installations changes anything; auditors and managers read', async () => {
  const { manager, operator, auditor, narrowed } = people
  const calls = [
    ['PATCH', paths.retention, { days: 90 }],
    ...(['POST', 'POST'] as const).map((method, at) => [method, [paths.dryRun, paths.apply][at]]),
    ['POST', paths.holds, hold({})],
  ] as Array<[string, string, object?]>
  for (const as of [manager, operator, auditor, narrowed])
    for (const [method, path, body] of calls)
      expect(await codeOf(as, method, path, body)).toEqual([403, 'PERMISSION_DENIED'])
  for (const as of [manager, auditor])
    expect(await as.get(paths.retention)).toEqual({ days: null, holds: [] })
  expect((await operator.call('GET', paths.retention)).status).toBe(403)
})

test.each([
  ['no days', {}],
  ['days that are a word', { days: 'x' }],
  ['less than 30 days', { days: 29 }],
  ['no day at all', { days: 0 }],
  ['an empty word', { days: '' }],
  ['a hundred years and a day', { days: 36_501 }],
  ['half a day', { days: 30.5 }],
  ['something more', { days: 90, force: true }],
])('a retention with %s is refused and changes nothing', async (_, body) => {
  const refused = await node.admin.call('PATCH', paths.retention, body)
  expect([refused.status, refused.body['code']]).toEqual([400, 'MESSAGE_INVALID'])
  expect(await node.admin.get(paths.retention)).toEqual({ days: null, holds: [] })
})

test.each([
  ['another scope', { scope: 'tenant' }, 400],
  ['no reason', { reason: undefined }, 400],
  ['a blank reason', { reason: ' ' }, 400],
  ['a long reason', { reason: 'x'.repeat(201) }, 400],
  ['no id', { id: undefined }, 400],
  ['an id of everything', { scope: 'all' }, 400],
  ['a malformed id', { id: 'Matriz' }, 400],
  ['something more', { holdId: unknown }, 400],
  ['an unknown installation', { id: unknown }, 404],
  ['an unknown device', { scope: 'device', id: unknown }, 404],
  ['an unknown session', { scope: 'session', id: unknown }, 404],
  ['an unknown person', { scope: 'user', id: unknown }, 404],
  ['a large body', { reason: 'x'.repeat(70_000) }, 413],
])('a hold with %s is refused and keeps nothing', async (_, fields, status) => {
  expect((await node.admin.call('POST', paths.holds, hold(fields))).status).toBe(status)
  expect(await node.admin.get(paths.retention)).toMatchObject({ holds: [] })
})

test("another customer's installation or person cannot be held, nor its hold lifted", async () => {
  const me = await people.foreign.get<Item>('/api/auth/me')
  for (const fields of [{ id: theirs.id }, { scope: 'user', id: me.id }])
    expect((await node.admin.call('POST', paths.holds, hold(fields))).status).toBe(404)
  const placed = await people.foreign.call('POST', paths.holds, hold({ id: theirs.id }))
  expect(placed.status).toBe(201)
  const path = `${paths.holds}/${placed.body['holdId']}`
  for (const as of [node.admin, people.auditor, people.narrowed])
    expect((await as.call('DELETE', path)).status).toBe(404)
  expect(await people.foreign.get(paths.retention)).toMatchObject({ holds: [placed.body] })
  for (const _ of [1, 2]) await people.foreign.call('DELETE', path)
  expect((await people.foreign.call('DELETE', path)).status).toBe(404)
})

test('without a retention nothing is due and nothing goes', async () => {
  const due = await node.admin.call('POST', paths.dryRun)
  expect(due.body).toEqual({
    ...{ until: null, events: 0, kinds: {}, held: 0, behind: null, ranges: [] },
  })
  expect((await node.admin.call('POST', paths.apply)).body).toEqual({ events: 0, behind: 0 })
})

test('the state is asked for by one place or one time, by readers, each of their own customer', async () => {
  for (const query of ['', '?position=1&at=2026-01-01T00:00:00Z', '?position=-1', '?at=gestern'])
    expect((await node.admin.call('GET', `${paths.state}${query}`)).status).toBe(400)
  expect((await people.operator.call('GET', `${paths.state}?position=9`)).status).toBe(403)
  const stateOf = (as: Api) => as.get<Record<string, Item[]>>(`${paths.state}?position=9000`)
  const seen = await stateOf(people.auditor)
  expect(seen['installations']?.map(({ id }) => id)).toEqual([site.id])
  expect(seen['members']).toHaveLength(5)
  expect(seen['members']?.map(({ userName }) => userName)).toContain('auditor')
  expect(seen['expiredUntil']).toBeNull()
  expect((await stateOf(people.narrowed))['members']).toEqual([])
  expect((await stateOf(people.foreign))['installations']?.map(({ id }) => id)).toEqual([theirs.id])
  const before = `${paths.state}?at=2020-01-01T00:00:00Z`
  expect(await node.admin.get(before)).toMatchObject({ position: 0, installations: [] })
})

/** By default two months and a half later; tokens of before are long over. */
async function later(days = 75): Promise<Api> {
  writeFileSync(clock, String(days * dayMs))
  await node.restart('SIGTERM')
  return new Api(node.httpUrl).signIn('admin@teste.travessia', 'only-for-this-test')
}

test('what is held stays, what is not goes on the word of a fact, and the whole log verifies', async () => {
  const auditorId = (await people.auditor.get<Item>('/api/auth/me')).id
  await people.manager.get('/api/audit/sessions')
  const admin = await later()
  const placed = await admin.call('POST', paths.holds, hold({ scope: 'user', id: auditorId }))
  expect((await admin.call('PATCH', paths.retention, { days: 30 })).body).toEqual({
    ...{ days: 30, holds: [placed.body] },
  })
  const { body: due } = await admin.call<Due>(...(['POST', paths.dryRun] as const))
  expect(due).toMatchObject({
    ...{ events: expect.any(Number), held: expect.any(Number), behind: null },
  })
  expect(Math.min(due.events, due.held, due.ranges.length)).toBeGreaterThan(0)
  expect(Object.values(due.kinds).reduce((sum, count) => sum + count)).toBe(due.events)
  expect(Object.keys(due.kinds)).toContain('access')
  expect((await admin.call('POST', paths.apply)).body).toEqual({ events: due.events, behind: 0 })
  const facts = await factsOf(admin)
  const old = facts.filter(({ at }) => Date.parse(String(at)) < Date.now() + dayMs)
  const isReading = ({ type }: { type: string }) => /^(Audit|UserSignedIn|AccessDenied)/.test(type)
  const readers = old.filter(isReading).map(({ actor }) => (actor as Item).id)
  expect(new Set(readers)).toEqual(new Set([auditorId]))
  const applied = facts.filter(({ type }) => type === 'RetentionApplied')
  expect(applied).toHaveLength(1)
  expect(await admin.get(`${paths.state}?position=9000`)).toMatchObject({
    expiredUntil: applied[0]?.data['until'],
  })
  expect(await verified(admin)).toContain(`${due.events} have expired as the log says`)
  expect((await admin.call('DELETE', `${paths.holds}/${placed.body['holdId']}`)).status).toBe(204)
  const { body: rest } = await admin.call<{ events: number }>('POST', paths.apply)
  expect(rest.events).toBe(due.held)
})

test('what was told after a clock was ahead stays, and it is said how much and behind which event', async () => {
  const tenYears = 3_650
  for (const days of [tenYears, 80]) await later(days)
  const admin = await later(160)
  const { body: due } = await admin.call<Due>('POST', paths.dryRun)
  const year = new Date(Date.now() + tenYears * dayMs).toISOString().slice(0, 4)
  expect(due.behind).toMatchObject({ events: expect.any(Number), logIndex: expect.any(Number) })
  expect([due.behind?.at.slice(0, 4), (due.behind?.events ?? 0) > 0]).toEqual([year, true])
  const { body: applied } = await admin.call('POST', paths.apply)
  expect(applied).toEqual({ events: due.events, behind: due.behind?.events })
})

async function verified(admin: Api): Promise<string> {
  const response = await fetch(`${node.httpUrl}/api/audit/export?format=bundle`, {
    headers: { authorization: `Bearer ${admin.token}` },
  })
  const bundle = join(node.dataDir, 'bundle.zip')
  writeFileSync(bundle, Buffer.from(await response.arrayBuffer()))
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'scripts/verify.ts'), bundle])
  expect([status, String(stdout)]).toEqual([0, expect.stringContaining('Integrity: intact')])
  return String(stdout)
}
