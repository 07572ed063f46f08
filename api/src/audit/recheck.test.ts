import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { newId } from '@travessia/schemas/ids'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { append, event } from '../store/conformance-events.ts'
import type { EventStore } from '../store/event-store.ts'
import { leafOf } from '../store/event-text.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { Recheck } from './recheck.ts'
import { TreeHashes } from './tree-hashes.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-recheck-'))
const tenantId = newId()
let files = 0
let path: string
let store: EventStore
let read: number
let found: unknown[]
let recheck: Recheck
let logs: Array<{ tenantId: string; hashes: TreeHashes }>

const places = { installationId: newId(), deviceId: newId(), sessionId: newId() }
/** 256 events in a full row, the rest in the next. */
const size = 300

beforeEach(async () => {
  files += 1
  path = join(directory, `${files}.db`)
  store = await createSqliteStore(path)
  await store.append(
    append({ tenantId, events: Array.from({ length: size }, () => event(places)) }),
  )
  const hashes = new TreeHashes()
  for (const { hash, position } of await store.evidence.readLeaves(tenantId, {
    after: 0,
    limit: size,
  }))
    hashes.push(hash, position)
  read = 0
  found = []
  logs = [{ tenantId, hashes }]
  const { evidence } = store
  recheck = new Recheck({
    evidence: {
      readLeaves: (...page) => evidence.readLeaves(...page),
      firstAltered: (...page) => {
        read += 1
        return evidence.firstAltered(...page)
      },
    },
    logs: () => logs,
    altered: (tenant, logIndex) => found.push([tenant, logIndex]),
  })
})
afterEach(() => store.close())
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function tamper(sql: string, ...values: Array<string | Uint8Array>): void {
  const database = new DatabaseSync(path, { timeout: 5_000 })
  database.exec('drop trigger event_is_never_changed; drop trigger event_is_never_removed')
  database.prepare(sql).run(...values)
  database.close()
}

test('a log as it was written is nowhere altered, also when it has grown since', async () => {
  await store.append(append({ tenantId }))
  await recheck.second(0)
  expect(found).toEqual([])
})

test('a row is looked at once in an hour', async () => {
  for (const now of [0, 1_000, 3_599_000]) await recheck.second(now)
  expect(read).toBe(2)
  await recheck.second(3_600_000)
  expect(read).toBe(4)
})

test('four rows are looked at in a second, the rest in the next', async () => {
  logs = [...logs, ...logs, ...logs]
  await recheck.second(0)
  expect(read).toBe(4)
  await recheck.second(1_000)
  expect(read).toBe(6)
})

test.each([5, 255, 256, 299])('event #%i with another text is found', async (index) => {
  tamper(`update event set body = replace(body, 'Out', 'In') where log_index = ${index}`)
  await recheck.second(0)
  expect(found).toEqual([[tenantId, index]])
})

test.each([
  [5, 0],
  [299, 256],
])(
  'event #%i whose hash was changed with its text is found by the tree, in the row of #%i',
  async (index, row) => {
    const { items } = await store.evidence.readEntries({ tenantId }, { after: index, limit: 1 })
    const text = String(items[0]?.text.replace('"data":{', '"data":{"forged":true,'))
    const sql = `update event set body = ?, leaf_hash = ? where log_index = ${index}`
    tamper(sql, text, leafOf(text))
    await recheck.second(0)
    expect(found).toEqual([[tenantId, row]])
  },
)

test.each(['{"forged":true}', '{"at":', 'null'])(
  'a text that is no event is found, whatever its hash: %s',
  async (text) => {
    tamper('update event set body = ?, leaf_hash = ? where log_index = 7', text, leafOf(text))
    await recheck.second(0)
    expect(found).toEqual([[tenantId, 7]])
  },
)

test.each([
  ...['actor_key = type_key', 'device_key = null', 'installation_key = 9', 'session_key = 9'],
  ...['stream_key = 9', 'type_key = actor_key', 'version = 999'],
])(
  'an event is found where lists do not find it any more, though its text is what was hashed: %s',
  async (change) => {
    tamper(`update event set ${change} where log_index = 290`)
    await recheck.second(0)
    expect(found).toEqual([[tenantId, 290]])
  },
)

test('an event is found where a span of time does not lead to it any more', async () => {
  tamper('update event_hour set last_position = 290')
  await recheck.second(0)
  expect(found).toEqual([[tenantId, 290]])
})

test.each([
  ['in a full row', 5, 0],
  ['in the last row', 299, 256],
])('an event %s that was taken out is found', async (_where, index, row) => {
  tamper(`delete from event where log_index = ${index}`)
  await recheck.second(0)
  expect(found).toEqual([[tenantId, row]])
})
