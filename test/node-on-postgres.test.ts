/** A whole node on PostgreSQL, as people and auditors use it: what other tests ask of one on SQLite, once through. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Due } from '@travessia/schemas/retention'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../api/src/store/postgres.fixture.ts'
import { Api, deviceNamed, factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { root } from '../rig/processes.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { live, openGate, runScript, seen } from './lived-in.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-on-postgres-'))
const [dataDir, clock] = [join(directory, 'data'), join(directory, 'ahead')]
const monthsMs = 75 * 86_400_000
let server: PostgresServer
let env: Record<string, string>
let stack: Stack
let admin: Api
let auditor: Api

beforeAll(async () => {
  server = await startPostgres()
  env = { TRAVESSIA_DATABASE_URL: await server.newDatabase() }
  await start(0)
  await live(stack)
})
afterAll(async () => {
  await stack?.stop()
  await server?.remove()
  rmSync(directory, { recursive: true, force: true })
})

/** Everything with this clock: node, agents and devices. */
async function start(aheadMs: number): Promise<void> {
  writeFileSync(clock, String(aheadMs))
  const preload = `--import=${join(root, 'test/clock-ahead.mjs')}`
  const options = `${process.env['NODE_OPTIONS'] ?? ''} ${preload}`
  stack = await startStack({ dataDir, env: { ...env, NODE_OPTIONS: options, TEST_CLOCK: clock } })
  admin = await new Api(stack.httpUrl).signIn('admin@demo.travessia')
  auditor = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
}

async function exported(format: string): Promise<Buffer> {
  const headers = { authorization: `Bearer ${auditor.token}` }
  const response = await fetch(`${stack.httpUrl}/api/audit/export?format=${format}`, { headers })
  expect(response.status).toBe(200)
  return Buffer.from(await response.arrayBuffer())
}

/** What `npm run verify` says of the whole log. */
async function verified(): Promise<string> {
  const bundle = join(directory, 'bundle.zip')
  writeFileSync(bundle, await exported('bundle'))
  const { status, said } = runScript('verify', dataDir, {}, [bundle])
  expect([status, said]).toEqual([0, expect.stringContaining('Integrity: intact')])
  return said
}

test('lists go on by cursor, one session is shown and replayed, and the badge says that the log is intact', async () => {
  type Page = { items: Item[]; nextCursor?: string }
  const places: unknown[] = []
  let cursor = ''
  do {
    const page: Page = await auditor.get(`/api/audit/events?limit=20${cursor}`)
    places.push(...page.items.map(({ logIndex }) => logIndex))
    cursor = page.nextCursor ? `&cursor=${page.nextCursor}` : ''
  } while (cursor)
  expect(places.length).toBeGreaterThan(20)
  expect(places).toEqual(places.map((_, index) => Number(places[0]) - index))
  const gate = await deviceNamed(admin, 'Catraca Entrada')
  const sessions = await auditor.get<Page>(`/api/audit/sessions?deviceId=${gate.id}`)
  const ended = sessions.items.find(({ endedAt }) => typeof endedAt === 'string')
  const replay = await auditor.call('POST', `/api/audit/sessions/${ended?.id}/replays`)
  expect(replay.status).toBeLessThan(300)
  const session = await auditor.get<{ events: Item[] }>(`/api/audit/sessions/${ended?.id}`)
  expect(session.events.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['SessionOpened', 'HttpResponseReceived', 'SessionClosed']),
  )
  const integrity = () => auditor.get<Item>('/api/audit/integrity')
  await expect.poll(integrity, { timeout: 10_000 }).toMatchObject({ status: 'intact' })
})

test('exports say the same in three formats, each is in the log by its hash, and the bundle verifies', async () => {
  const rows = (await exported('csv')).toString().trimEnd().split('\r\n')
  const lines = await exported('jsonl')
  expect(rows.length - 1).toBeLessThan(lines.toString().trimEnd().split('\n').length)
  const sha256 = createHash('sha256').update(lines).digest('hex')
  await expect
    .poll(() => factsOf(auditor, '&type=AuditExportEnded'))
    .toContainEqual(expect.objectContaining({ data: expect.objectContaining({ sha256 }) }))
  await verified()
})

test('whoever was erased is nobody in the audit, and the log still verifies', async () => {
  const granted = await factsOf(auditor, '&type=UserRegistered')
  expect(granted.map(({ data }) => data['name'])).not.toContain('Sai')
  expect(JSON.stringify(granted)).toContain('apagado')
})

test('while PostgreSQL is away nothing is done, and the node goes on by itself when it is back', async () => {
  await server.stop('SIGQUIT')
  const gate = await deviceNamed(admin, 'Catraca Entrada')
  const open = { command: 'OpenGate', args: { direction: 'both' } }
  const refused = await admin.call('POST', `/api/devices/${gate.id}/commands`, open)
  expect([refused.status, refused.body['code']]).toEqual([503, 'STORE_UNAVAILABLE'])
  await server.start()
  await eventually(async () => (await auditor.call('GET', '/api/audit/events')).status === 200)
  await openGate(admin)
  await verified()
})

test('months later what a hold keeps stays, what expires goes on the word of a fact, and both verify', async () => {
  await stack.stop()
  await start(monthsMs)
  expect((await admin.call('PATCH', '/api/audit/retention', { days: 30 })).status).toBe(200)
  const { body: due } = await admin.call<Due>('POST', '/api/audit/retention/dry-run')
  expect(Math.min(due.events, due.held)).toBeGreaterThan(0)
  const applied = await admin.call('POST', '/api/audit/retention/apply')
  expect(applied.body).toEqual({ events: due.events, behind: 0 })
  expect(await verified()).toContain(`${due.events} have expired as the log says`)
})

test('the views that are made anew from the log are those that people saw', async () => {
  const shown = await seen(stack.httpUrl)
  await stack.stop()
  const { status, said } = runScript('rebuild', dataDir, env)
  expect([status, said]).toEqual([0, expect.stringContaining('They were what the log says.')])
  await start(monthsMs)
  expect(await seen(stack.httpUrl)).toEqual(shown)
})
