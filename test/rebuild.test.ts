/** `npm run rebuild` on a data directory that was lived in: a demo, stopped; what people see is made from its log alone. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, test } from 'vitest'
import { Api, deviceNamed } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { root } from '../rig/processes.ts'
import { type Stack, startStack } from '../rig/stack.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'travessia-rebuild-'))
let stack: Stack | undefined

afterAll(async () => {
  await stack?.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

/** As somebody types it: nothing is said but where the data are. */
function rebuild(directory = dataDir, env = {}): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts/rebuild.ts')],
    {
      ...{ cwd: root, encoding: 'utf8', timeout: 60_000 },
      env: { ...process.env, TRAVESSIA_DATA_DIR: directory, ...env },
    },
  )
  return { status, said: stdout + stderr }
}

/** Every row of every table. */
function dump(): Record<string, string[]> {
  const database = new DatabaseSync(join(dataDir, 'views.db'), { readOnly: true })
  try {
    const names = database.prepare("select name from sqlite_master where type = 'table'").all()
    return Object.fromEntries(
      names.map(({ name }) => [
        String(name),
        database
          .prepare(`select * from "${name}"`)
          .all()
          .map((row) => JSON.stringify(row))
          .toSorted(),
      ]),
    )
  } finally {
    database.close()
  }
}

/** What people read, but for what agents say from moment to moment: whether they are there, whether a gate is open. */
async function seen(httpUrl: string): Promise<unknown[]> {
  const admin = await new Api(httpUrl).signIn('admin@demo.travessia')
  const gate = await deviceNamed(admin, 'Catraca Entrada')
  const lists = ['/api/users', '/api/policy', '/api/audit/sessions', '/api/audit/retention']
  const ofGate = ['/sessions', '/commands'].map((part) => `/api/devices/${gate.id}${part}`)
  const names = (await admin.get<{ items: object[] }>('/api/installations')).items
  const device = await admin.get<object>(`/api/devices/${gate.id}`)
  const read = await Promise.all([...lists, ...ofGate].map((path) => admin.get(path)))
  const steady = names.map((one) => ({ ...one, agent: undefined }))
  return [steady, { ...device, status: undefined }, ...read]
}

/** A session, a command, a feed, a hold and a person who leaves. */
async function live({ httpUrl }: Stack): Promise<void> {
  const admin = await new Api(httpUrl).signIn('admin@demo.travessia')
  const gate = await deviceNamed(admin, 'Catraca Entrada')
  const { base, cookie, sessionId } = await enterSession(admin, gate.id, { reason: 'ver' })
  await fetchPage(`${base}/`, { headers: { cookie } })
  await admin.call('DELETE', `/api/sessions/${sessionId}`)
  await enterSession(admin, gate.id, { reason: 'ainda aberta' })
  const open = { command: 'OpenGate', args: { direction: 'both' } }
  const issued = await admin.call('POST', `/api/devices/${gate.id}/commands`, open)
  const path = `/api/commands/${issued.body['commandId']}`
  await eventually(async () => (await admin.call('GET', path)).body['status'] === 'succeeded')
  await admin.call('POST', '/api/audit/feeds', { name: 'SIEM', url: 'file:' })
  await admin.call('POST', '/api/audit/holds', { scope: 'device', id: gate.id, reason: 'x' })
  const leaver = { email: 'sai@demo.travessia', name: 'Sai', role: 'auditor' }
  const made = await admin.call('POST', '/api/users', {
    ...leaver,
    password: 'uma senha bem longa',
  })
  const erased = await admin.call('POST', `/api/users/${made.body['id']}/erase`, { confirm: true })
  expect(erased.status).toBe(204)
}

test('beside a running node it does nothing and says why', async () => {
  stack = await startStack({ dataDir })
  await live(stack)
  const { status, said } = rebuild()
  expect([status, said]).toEqual([2, expect.stringContaining('stop it first')])
  expect(await seen(stack.httpUrl)).toBeDefined()
})

test('of a stopped one it makes what was there, row by row, and the node shows the same again', async () => {
  if (!stack) throw new TypeError('no stack')
  const shown = await seen(stack.httpUrl)
  await stack.stop()
  const { status, said } = rebuild()
  expect([status, said]).toEqual([0, expect.stringContaining('They were what the log says.')])
  const rows = dump()
  expect(Object.values(rows).flat().length).toBeGreaterThan(20)
  expect(rebuild().status).toBe(0)
  expect(dump()).toEqual(rows)
  stack = await startStack({ dataDir })
  const again = await seen(stack.httpUrl)
  expect(again).toEqual(shown)
})

test('a folder without a log is not made one', () => {
  const missing = join(dataDir, 'missing')
  expect(rebuild(missing)).toEqual({ status: 2, said: expect.stringContaining('KEY is missing') })
  const { status, said } = rebuild(missing, { TRAVESSIA_ENCRYPTION_KEY: '0'.repeat(64) })
  expect([status, said]).toEqual([2, `there is no log in ${missing}\n`])
  expect(existsSync(missing)).toBe(false)
})

test('rows that somebody has altered or lost are told, and mended', async () => {
  await stack?.stop()
  stack = undefined
  // What a node wrote while it stopped, its views read at the next start.
  expect(rebuild().status).toBe(0)
  const rows = dump()
  const database = new DatabaseSync(join(dataDir, 'views.db'))
  database.exec("update member set role = 'admin' where role = 'auditor'; delete from device")
  database.close()
  const { status, said } = rebuild()
  expect([status, said]).toEqual([1, expect.stringMatching(/device: .*\n.*member: 1 rows/)])
  expect(dump()).toEqual(rows)
})
