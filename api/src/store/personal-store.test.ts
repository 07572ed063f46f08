import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import { erasedText } from '@travessia/schemas/personal'
import { afterAll, afterEach, expect, test } from 'vitest'
import { sampleData } from '../audit/sample-data.fixture.ts'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { SubjectKeys } from '../identity/subject-keys.ts'
import { Vault } from '../identity/vault.ts'
import { describeEventStore } from './conformance.ts'
import { append, event } from './conformance-events.ts'
import { describeEvidenceLog } from './conformance-evidence.ts'
import type { EventStore, NewEvent } from './event-store.ts'
import { PersonalStore } from './personal-store.ts'
import { createSqliteStore } from './sqlite.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-personal-'))
const opened: EventStore[] = []
let files = 0
const maria = newId()
const by = (fact: object): NewEvent =>
  ({ ...event({ actor: { type: 'user', id: maria } }), ...fact }) as NewEvent

async function setUp() {
  files += 1
  const path = join(directory, `${files}.db`)
  const inner = await createSqliteStore(path)
  const database = openSecretsDatabase(':memory:')
  const keys = new SubjectKeys(database, new Vault(database, '00'.repeat(32)))
  const store = new PersonalStore(inner, keys)
  opened.push(store)
  return { path, inner, keys, store }
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close().catch(() => undefined)))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describeEventStore(async () => (await setUp()).store)
describeEvidenceLog(async () => (await setUp()).store)

const headers = ['host', 'h', 'user-agent', 'Canary/1', 'x-forwarded-for', 'canary-ip']
const personal: ReadonlyArray<readonly [string, NewEvent]> = [
  [
    'the address and browser of who asks for a session',
    {
      type: 'SessionRequested',
      data: { ...sampleData.SessionRequested, clientIp: 'canary-ip', userAgent: 'Canary/1' },
    },
  ],
  [
    'the name of who is registered',
    { type: 'UserRegistered', data: { userId: maria, name: 'Canary' } },
  ],
  [
    'the address of a sign-in',
    { type: 'UserSignedIn', data: { userId: maria, clientIp: 'canary-ip' } },
  ],
  [
    'the address of a failed one',
    { type: 'SignInFailed', data: { userId: maria, clientIp: 'canary-ip' } },
  ],
  [
    'what the browser of a session says of itself',
    {
      type: 'HttpRequestForwarded',
      data: { ...sampleData.HttpRequestForwarded, headers },
    },
  ],
  [
    'the same of a WebSocket',
    { type: 'WebSocketOpened', data: { ...sampleData.WebSocketOpened, headers } },
  ],
].map(([what, fact]) => [String(what), by(fact as object)] as const)

test.each(personal)(
  '%s is read as it was written, stands nowhere in clear text, and is gone with the key',
  async (_what, fact) => {
    const { path, inner, keys, store } = await setUp()
    const one = append({ events: [fact] })
    await store.append(one)
    const { tenantId, streamId } = one
    const [back] = await store.readStream(tenantId, streamId)
    expect(back?.data).toEqual(fact.data)
    expect((await store.readTenant(tenantId, 0, 9))[0]?.data).toEqual(fact.data)
    expect((await store.query({ tenantId, limit: 9 })).items[0]?.data).toEqual(fact.data)
    const page = { after: 0, limit: 9 }
    const [entry] = (await store.evidence.readEntries({ tenantId }, page)).items
    expect(entry?.text).not.toMatch(/canary/i)
    const stored = Buffer.concat(['', '-wal'].map((end) => readFileSync(path + end)))
    expect(stored.toString('latin1')).not.toMatch(/canary/i)
    keys.erase(tenantId, maria, 1)
    const [erased] = await store.readAll(0, 9)
    expect(JSON.stringify(erased?.data)).toContain(erasedText)
    expect(JSON.stringify(erased?.data)).not.toMatch(/canary|sealed/i)
    expect((await inner.evidence.readEntries({ tenantId }, page)).items[0]).toEqual(entry)
  },
)

test('a failed sign-in of nobody known is under the key of the tenant', async () => {
  const { keys, store } = await setUp()
  const one = append({ events: [by({ type: 'SignInFailed', data: { clientIp: 'canary-ip' } })] })
  await store.append(one)
  expect(keys.keyOf(one.tenantId, one.tenantId)).toHaveProperty('eventText')
  expect(keys.keyOf(one.tenantId, maria)).toBeUndefined()
})

test('events of older versions, in clear text, are read as they are, whatever they look like', async () => {
  const { inner, store } = await setUp()
  const forged = `sealed:1:${newId()}:${'A'.repeat(50)}`
  for (const clientIp of ['192.0.2.1', 'sealed:1:x', forged]) {
    const one = append({
      events: [by({ type: 'UserSignedIn', data: { userId: maria, clientIp } })],
    })
    await inner.append(one)
    expect((await store.readStream(one.tenantId, one.streamId))[0]?.data).toEqual({
      userId: maria,
      clientIp,
    })
  }
})

test('what was sealed for one field or tenant opens in no other', async () => {
  const { inner, store } = await setUp()
  const first = append({
    events: [by({ type: 'UserRegistered', data: { userId: maria, name: 'Canary' } })],
  })
  await store.append(first)
  const [raw] = await inner.readStream(first.tenantId, first.streamId)
  const { name: clientIp } = (raw?.data ?? {}) as { name: string }
  expect(clientIp).toMatch(/^sealed:1:/)
  for (const tenantId of [first.tenantId, newId()]) {
    const moved = by({ type: 'UserSignedIn', data: { userId: maria, clientIp } })
    const other = append({ tenantId, events: [moved] })
    await inner.append(other)
    const [back] = await store.readStream(tenantId, other.streamId)
    expect(back?.data).toEqual({ userId: maria, clientIp })
  }
})

test('what comes after an erasure is not kept at all', async () => {
  const { keys, store } = await setUp()
  const one = append({
    events: [by({ type: 'UserSignedIn', data: { userId: maria, clientIp: '192.0.2.1' } })],
  })
  keys.erase(one.tenantId, maria, 1)
  await store.append(one)
  expect((await store.readStream(one.tenantId, one.streamId))[0]?.data).toMatchObject({
    clientIp: erasedText,
  })
})
