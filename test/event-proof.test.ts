/** One event by its place in the log, over HTTP, with the log in either engine: proven by who asks, and by nobody else's log. */
import type { AuditEvent, EventProof } from '@travessia/schemas/api/audit'
import { checkEvent } from '@travessia/schemas/evidence/event-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../api/src/store/postgres.fixture.ts'
import { type Api, factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { type BareNode, startBareNode } from './bare-node.ts'
import { addPeople, type People } from './people.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.remove())

const pathOf = (logIndex: unknown) => `/api/audit/events/${logIndex}`
const proofOf = (as: Api, logIndex: unknown) => as.get<EventProof>(pathOf(logIndex))

describe.each(['SQLite', 'PostgreSQL'])('of a log in %s', (engine) => {
  let node: BareNode
  let people: People
  let site: Item

  beforeAll(async () => {
    const isFile = engine === 'SQLite'
    node = await startBareNode(isFile ? {} : { TRAVESSIA_DATABASE_URL: await server.newDatabase() })
    site = (await node.admin.call<Item>('POST', '/api/installations', { name: 'Matriz' })).body
    await node.admin.call('POST', '/api/installations', { name: 'Filial' })
    people = await addPeople(node, site.id)
  })
  afterAll(() => node?.stop())

  const listed = async (type: string) =>
    (await people.auditor.get<{ items: AuditEvent[] }>(`/api/audit/events?type=${type}`)).items
  /** Once it is signed, which takes a second. */
  const provenOf = (logIndex: unknown) =>
    eventually(async () => {
      const found = await proofOf(people.auditor, logIndex)
      return checkEvent(found, null).standing === 'proven' && found
    })

  test('an event is proven as the list shows it, by the keys of the log; that it was read is a fact', async () => {
    const [event] = await listed('InstallationCreated')
    const found = await provenOf(event?.logIndex)
    expect(found.event).toEqual(event)
    expect(JSON.parse(found.text ?? '')).toMatchObject({ id: event?.id, data: event?.data })
    const { origin, keys } = found
    expect(await people.auditor.get('/api/audit/keys')).toEqual({ origin, keys })
    const readings = (await listed('AuditQueried')).filter(({ data }) => data['list'] === 'event')
    expect(readings.map(({ data }) => data['filter'])).toEqual([{ logIndex: event?.logIndex }])
    expect(readings[0]?.summary).toContain('um evento')
  })

  test('somebody narrowed reads the events of his installations, another customer those of its own log', async () => {
    const [elsewhere, own] = await listed('InstallationCreated')
    expect((await proofOf(people.narrowed, own?.logIndex)).event?.id).toBe(own?.id)
    const last = (await listed('UserRegistered'))[0]?.logIndex
    for (const [as, logIndex] of [
      [people.narrowed, elsewhere?.logIndex],
      [people.narrowed, 0],
      [people.foreign, last],
      [people.auditor, 999_999_999_999_999],
    ] as const) {
      const { status, body } = await as.call('GET', pathOf(logIndex))
      expect([status, body['code']]).toEqual([404, 'NOT_FOUND'])
    }
    const [theirs, ours] = [await proofOf(people.foreign, 0), await proofOf(people.auditor, 0)]
    expect(theirs.event?.type).toBe('TenantCreated')
    expect(theirs.origin).not.toBe(ours.origin)
    expect(JSON.parse(theirs.text ?? '').tenantId).not.toBe(JSON.parse(ours.text ?? '').tenantId)
  })

  test('who may not read the audit is refused, and so is what is no place in a log', async () => {
    const refused = await people.operator.call('GET', pathOf(0))
    expect([refused.status, refused.body['code']]).toEqual([403, 'PERMISSION_DENIED'])
    for (const wrong of ['x', '-1', '01', '1.5', '1e3', '0x1', '9'.repeat(16), 'a'.repeat(26)]) {
      const { status, body } = await people.auditor.call('GET', pathOf(wrong))
      expect([wrong, status, body['code']]).toEqual([wrong, 400, 'MESSAGE_INVALID'])
    }
  })

  test('what is about a person is sealed in the text and open beside it; once erased, the same text is proven', async () => {
    const name = 'Joana Prado'
    const account = { email: 'joana@teste.example', name, password: 'uma senha bem longa' }
    const made = await node.admin.call<Item>('POST', '/api/users', { ...account, role: 'auditor' })
    const facts = await factsOf(node.admin, '&type=UserRegistered')
    const place = facts.find(({ data }) => data['userId'] === made.body.id)?.['logIndex']
    const before = await provenOf(place)
    expect(before.event?.data['name']).toBe(name)
    expect(before.text).toContain('"name":"sealed:1:')
    expect(before.text).not.toContain(name)
    await node.admin.call('POST', `/api/users/${made.body.id}/erase`, { confirm: true })
    const after = await provenOf(place)
    expect([after.text, after.leaf]).toEqual([before.text, before.leaf])
    expect(after.event?.data['name']).toBe('[erased]')
    expect(JSON.stringify(after)).not.toContain(name)
  })
})
