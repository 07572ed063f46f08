/** A customer's log that was damaged behind the node's back, across a restart: it stays shut, and nobody else waits for it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, type Item } from '../rig/api.ts'
import { registerDevice } from '../rig/own-agent.ts'
import { type BareNode, clockAhead, startBareNode } from './bare-node.ts'
import { addPeople, type People, password } from './people.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-damaged-'))
const clock = join(directory, 'ahead-ms')
let node: BareNode
let people: People
let deviceId: string

beforeAll(async () => {
  writeFileSync(clock, '0')
  node = await startBareNode(clockAhead(clock))
  const site = (await node.admin.call<Item>('POST', '/api/installations', { name: 'Matriz' })).body
  people = await addPeople(node, site.id)
  const page = { name: 'X', kind: 'http', driver: 'http', baseUrl: 'http://93.184.216.34' }
  deviceId = (await registerDevice(node.admin, site.id, { ...page, viaAgent: false })).id
})
afterAll(async () => {
  await node?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** @returns in how many events one text stands for another now */
function alter(from: string, to: string): number | bigint {
  const database = new DatabaseSync(join(node.dataDir, 'events.db'))
  database.exec('pragma busy_timeout = 5000; drop trigger if exists event_is_never_changed')
  const sql = 'update event set body = replace(body, ?, ?) where instr(body, ?)'
  const { changes } = database.prepare(sql).run(from, to, from)
  database.close()
  return changes
}

const signedIn = (email: string) => new Api(node.httpUrl).signIn(email, password)
const addSite = (as: Api) => as.call('POST', '/api/installations', { name: 'Outra' })

test('a node starts though an event of a session that was open was altered, and works for its other customers', async () => {
  const open = { reason: 'motivo', ttlSeconds: 3_600 }
  const opened = await people.operator.call('POST', `/api/devices/${deviceId}/sessions`, open)
  expect(opened.status).toBe(201)
  expect(alter('motivo', 'outros')).toBe(1)
  // The session's time is over meanwhile, so its end is to be recorded.
  writeFileSync(clock, String(2 * 3_600_000))
  await node.restart('SIGKILL')
  expect((await addSite(await signedIn('dono@outro.example'))).status).toBe(201)
  const auditor = await signedIn('auditor@teste.example')
  expect(await auditor.get('/api/audit/integrity')).toMatchObject({ status: 'damaged' })
})
