import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, afterEach, expect, test } from 'vitest'
import { EvidenceKeys } from '../identity/evidence-keys.ts'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { Vault } from '../identity/vault.ts'
import { append, event } from '../store/conformance-events.ts'
import type { EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { Views } from '../views/views.ts'
import { Checkpointer } from './checkpointer.ts'
import { IntegrityCheck } from './integrity.ts'
import { sampleData } from './sample-data.fixture.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-integrity-'))
const nodeId = newId()
const vault = () => new Vault(openSecretsDatabase(':memory:'), '00'.repeat(32))
const evidenceKeys = new EvidenceKeys(vault(), nodeId)
const opened: Array<{ readonly views: Views; readonly store: EventStore }> = []
let files = 0

async function start(path: string, keys = evidenceKeys) {
  const store = await createSqliteStore(path)
  const log = pino({ level: 'silent' })
  const views = new Views({ store, path: `${path}.views`, log })
  await views.start()
  opened.push({ views, store })
  const checkpointer = new Checkpointer({
    ...{ store, evidenceKeys, nodeId, now: Date.now, log },
    database: openSecretsDatabase(':memory:'),
  })
  const check = new IntegrityCheck({ checkpointer, evidenceKeys: keys, nodeId, store, views })
  return { store, checkpointer, check, views }
}
function newPath(): string {
  files += 1
  return join(directory, `${files}.db`)
}
async function closeAll(): Promise<void> {
  for (const { views, store } of opened.splice(0)) {
    await views.stop()
    await store.close()
  }
}
afterEach(closeAll)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function tamper(path: string, sql: string): void {
  const database = new DatabaseSync(path, { timeout: 5_000 })
  const triggers = database.prepare("select name from sqlite_master where type = 'trigger'").all()
  for (const { name } of triggers) database.exec(`drop trigger ${String(name)}`)
  database.exec(sql)
  database.close()
}

test('a log that leads to its newest checkpoint is intact up to there, with its gaps counted', async () => {
  const { store, checkpointer, check, views } = await start(newPath())
  const one = append({ events: [event(), event()] })
  await store.append(one)
  expect(await check.of(one.tenantId)).toMatchObject({ status: 'unsigned', size: 0, gaps: 0 })
  const { at } = await checkpointer.fresh(one.tenantId)
  const witnesses = { agents: 0, size: 0 }
  const intact = { status: 'intact', size: 2, signedAt: at, gaps: 0, hasMoreGaps: false, witnesses }
  expect(await check.of(one.tenantId)).toEqual(intact)
  const data = { ...sampleData.HttpExchangeFailed, stage: 'crash' }
  const gap = { ...event(), type: 'HttpExchangeFailed', data } as ReturnType<typeof event>
  const stream = { tenantId: one.tenantId, streamKind: 'session', streamId: newId() } as const
  const { position } = await store.append({ ...stream, expected: 'none', events: [gap] })
  await views.until(position)
  // It is signed a second later; until then the newest signature covers two.
  expect(await check.of(one.tenantId)).toEqual({ ...intact, gaps: 1 })
  await checkpointer.fresh(one.tenantId)
  expect(await check.of(one.tenantId)).toMatchObject({ size: 3, gaps: 1 })
})

test('of the agents that keep up with the log it says what all of them have confirmed', async () => {
  const { store, checkpointer, check } = await start(newPath())
  const one = append({ events: Array.from({ length: 9 }, () => event()) })
  const { tenantId } = one
  await store.append(one)
  await checkpointer.fresh(tenantId)
  const confirm = (agentId: string, size: number, second: number) =>
    store.evidence.keepCosignature({
      ...{ tenantId, agentId, size, line: agentId, key: agentId },
      at: new Date(1_800_000_000_000 + second * 1_000).toISOString(),
    })
  const witnesses = async () => (await check.of(tenantId)).witnesses
  expect(await witnesses()).toEqual({ agents: 0, size: 0 })
  await confirm('left', 2, 0)
  expect(await witnesses()).toEqual({ agents: 1, size: 2 })
  await confirm('one', 7, 100)
  await confirm('two', 9, 110)
  expect(await witnesses()).toEqual({ agents: 2, size: 7 })
  // A minute behind the newest one is still with them, a second more is not.
  await confirm('late', 5, 50)
  await confirm('too late', 4, 49)
  expect(await witnesses()).toEqual({ agents: 3, size: 5 })
})

test.each([
  ['a leaf is another one', "update event set leaf_hash = x'00' where log_index = 0"],
  ['an event is gone', 'delete from event where log_index = 1'],
  ['the signature is not ours', "update checkpoint set note = replace(note, '— ', '— x')"],
])('a log of which %s is damaged', async (_what, sql) => {
  const path = newPath()
  const before = await start(path)
  const one = append({ events: [event(), event()] })
  await before.store.append(one)
  await before.checkpointer.fresh(one.tenantId)
  expect(await before.check.of(one.tenantId)).toMatchObject({ status: 'intact' })
  await closeAll()
  tamper(path, sql)
  const after = await start(path)
  expect(await after.check.of(one.tenantId)).toMatchObject({ status: 'damaged' })
})

test.each([
  ['another text', "replace(body, 'SignedOut', 'Forged')"],
  ['no JSON', "'nothing'"],
])(
  'an event whose text in the file is %s is not shown, and its log is damaged from then on',
  async (_what, text) => {
    const path = newPath()
    const before = await start(path)
    const one = append({ events: [event(), event(), event()] })
    const { tenantId } = one
    await before.store.append(one)
    await before.checkpointer.fresh(tenantId)
    await closeAll()
    tamper(path, `update event set body = ${text} where log_index = 1`)
    const { store, check } = await start(path)
    expect(await check.of(tenantId)).toMatchObject({ status: 'intact' })
    const { items } = await store.query({ tenantId, limit: 10 })
    const { type } = event()
    expect(items.map((item) => [item.logIndex, item.type])).toEqual([
      ...[
        [2, type],
        [1, 'EventAltered'],
        [0, type],
      ],
    ])
    expect(JSON.stringify(items)).not.toMatch(/Forged|nothing/)
    await expect.poll(() => check.of(tenantId)).toMatchObject({ status: 'damaged', damagedAt: 1 })
    const unavailable = expect.objectContaining({ code: 'STORE_UNAVAILABLE' })
    await expect(store.append({ ...one, expected: 3 })).rejects.toEqual(unavailable)
    for (const events of [
      await store.readStream(tenantId, one.streamId),
      await store.readTenant(tenantId, 0, 10),
      await store.readAll(0, 10),
    ])
      expect(events.map((item) => [item.type, item.version, item.tenantId])).toEqual([
        ...[
          [type, 1, tenantId],
          ['EventAltered', 2, tenantId],
          [type, 3, tenantId],
        ],
      ])
  },
)

test.each([
  ['taken out', 'delete from checkpoint', 0],
  ['signed by somebody else', "update checkpoint set note = replace(note, '— ', '— x')", 1],
])('a checkpoint that was %s while the node runs is damage', async (_what, sql, size) => {
  const path = newPath()
  const { store, checkpointer, check } = await start(path)
  const one = append({ events: [event()] })
  await store.append(one)
  await checkpointer.fresh(one.tenantId)
  expect(await check.of(one.tenantId)).toMatchObject({ status: 'intact' })
  tamper(path, sql)
  expect(await check.of(one.tenantId)).toMatchObject({ status: 'damaged', size })
})

test('a checkpoint by keys that this node does not have is damage', async () => {
  const strangers = new EvidenceKeys(vault(), nodeId)
  const { store, checkpointer, check } = await start(newPath(), strangers)
  const one = append({ events: [event()] })
  await store.append(one)
  await checkpointer.fresh(one.tenantId)
  expect(await check.of(one.tenantId)).toMatchObject({ status: 'damaged' })
})
