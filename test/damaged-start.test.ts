/** A customer's log that was damaged behind the node's back, across a restart: it stays shut, and nobody else waits for it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { type BareNode, clockAhead, startBareNode } from './bare-node.ts'
import { addPeople, type People, password } from './people.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-damaged-'))
const clock = join(directory, 'ahead-ms')
let node: BareNode
let agent: OwnAgent
let people: People
let tenantId: string
let deviceId: string

beforeAll(async () => {
  writeFileSync(clock, '0')
  node = await startBareNode(clockAhead(clock))
  agent = await startOwnAgent(node, node.admin, 'Matriz')
  const { installationId } = agent
  tenantId = (await node.admin.get<{ tenantId: string }>('/api/auth/me')).tenantId
  people = await addPeople(node, installationId)
  const page = { name: 'X', kind: 'http', driver: 'http', baseUrl: 'http://93.184.216.34' }
  deviceId = (await registerDevice(node.admin, installationId, { ...page, viaAgent: false })).id
})
afterAll(async () => {
  agent?.process.kill('SIGKILL')
  await node?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** @returns in how many events one text stands for another now */
function alter(from: string, to: string): number | bigint {
  const database = new DatabaseSync(join(node.dataDir, 'events.db'), { timeout: 5_000 })
  database.exec('drop trigger if exists event_is_never_changed')
  const sql = 'update event set body = replace(body, ?, ?) where instr(body, ?)'
  const { changes } = database.prepare(sql).run(from, to, from)
  database.close()
  return changes
}

/** How many the damaged log has. */
function eventsOf(): unknown {
  const database = new DatabaseSync(join(node.dataDir, 'events.db'), { readOnly: true })
  const sql = 'select count(*) as events from event where instr(body, ?)'
  const { events } = database.prepare(sql).get(`"tenantId":"${tenantId}"`) ?? {}
  database.close()
  return events
}

const signedIn = (email: string) => new Api(node.httpUrl).signIn(email, password)
const addSite = (as: Api) => as.call('POST', '/api/installations', { name: 'Outra' })

test('nothing is written to a log that was found damaged, from the next start on, until it is as it was', async () => {
  expect(alter('Matriz', 'Fraude')).toBe(1)
  await node.admin.get('/api/audit/events?limit=200')
  await eventually(async () => (await addSite(node.admin)).status === 503)
  const before = eventsOf()
  // What a start has to say: its agent was connected.
  await node.restart('SIGKILL')
  expect((await addSite(node.admin)).status).toBe(503)
  expect(eventsOf()).toEqual(before)
  expect((await addSite(people.foreign)).status).toBe(201)
  expect(alter('Fraude', 'Matriz')).toBe(1)
  for (let start = 1; start <= 2; start += 1) {
    await node.restart('SIGKILL')
    expect((await addSite(node.admin)).status).toBe(201)
  }
})

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
