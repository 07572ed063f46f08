import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { typesOfKind } from '@travessia/schemas/events'
import { toBase64 } from '@travessia/schemas/evidence/bytes'
import { openCheckpoint, originOf } from '@travessia/schemas/evidence/checkpoint'
import { Frontier } from '@travessia/schemas/evidence/merkle'
import { newId, systemTenantId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { append, event } from '../store/conformance-events.ts'
import type { EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { newEvidenceKeys } from './bundle.fixture.ts'
import { Checkpointer } from './checkpointer.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-checkpoints-'))
const nodeId = newId()
const evidenceKeys = newEvidenceKeys(nodeId)
const running: Array<{ stop(): Promise<void> }> = []
const stores: EventStore[] = []
let files = 0

async function openStore(path: string): Promise<EventStore> {
  const store = await createSqliteStore(path)
  stores.push(store)
  return store
}
function newPath(): string {
  files += 1
  return join(directory, `${files}.db`)
}
function checkpointerOf(
  store: EventStore,
  lines: string[] = [],
  database = openSecretsDatabase(':memory:'),
): Checkpointer {
  const log = pino({}, { write: (line: string) => lines.push(line) })
  const deps = { store, evidenceKeys, database, nodeId, now: Date.now, log }
  const checkpointer = new Checkpointer(deps)
  running.push(checkpointer)
  return checkpointer
}
async function stopAll(): Promise<void> {
  await Promise.all(running.splice(0).map((one) => one.stop()))
  await Promise.all(stores.splice(0).map((store) => store.close()))
}
afterEach(async () => {
  vi.useRealTimers()
  await stopAll()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const sizeOf = async (store: EventStore, tenantId: string) =>
  (await store.evidence.newestCheckpoint(tenantId))?.size

async function requireSound(store: EventStore, tenantId: string): Promise<void> {
  const kept = await store.evidence.newestCheckpoint(tenantId)
  const keys = evidenceKeys.keysOf(originOf(nodeId, tenantId))
  const opened = openCheckpoint(kept?.note ?? '', keys)
  const leaves = await store.evidence.readLeaves(tenantId, { after: 0, limit: kept?.size ?? 0 })
  const frontier = new Frontier()
  for (const { hash } of leaves) frontier.push(hash)
  expect(opened).toEqual({
    origin: originOf(nodeId, tenantId),
    size: kept?.size,
    root: frontier.root(),
  })
}

/** Somebody with the file in hands and without respect for triggers. */
function tamper(path: string, sql: string): void {
  const database = new DatabaseSync(path, { timeout: 5_000 })
  const triggers = ['event_is_never_changed', 'event_is_never_removed']
  for (const name of triggers) database.exec(`drop trigger if exists ${name}`)
  database.exec(sql)
  database.close()
}

test('a tenant with something new gets a signed checkpoint within about a second, and none without', async () => {
  const store = await openStore(newPath())
  const checkpointer = checkpointerOf(store)
  const [one, two] = [append(), append()]
  await store.append(one)
  await checkpointer.start()
  await expect.poll(() => sizeOf(store, one.tenantId)).toBe(1)
  await store.append(two)
  await expect.poll(() => sizeOf(store, two.tenantId)).toBe(1)
  await store.append({ ...one, events: [event(), event()] })
  await expect.poll(() => sizeOf(store, one.tenantId)).toBe(3)
  expect(await sizeOf(store, two.tenantId)).toBe(1)
  for (const { tenantId } of [one, two]) await requireSound(store, tenantId)
})

test('one customer of whom another root was signed meanwhile holds up no other', async () => {
  const store = await openStore(newPath())
  const lines: string[] = []
  const [one, two] = [append(), append()]
  await store.append(one)
  await checkpointerOf(store, lines).start()
  await expect.poll(() => sizeOf(store, one.tenantId)).toBe(1)
  const note = (await store.evidence.newestCheckpoint(one.tenantId))?.note ?? ''
  const other = { size: 2, root: Buffer.alloc(32), note, at: new Date().toISOString() }
  await store.evidence.keep([{ tenantId: one.tenantId, ...other }])
  await Promise.all([store.append({ ...one, events: [event()] }), store.append(two)])
  await expect.poll(() => sizeOf(store, two.tenantId)).toBe(1)
  await requireSound(store, two.tenantId)
  expect(lines.filter((line) => line.includes(one.tenantId)).length).toBeGreaterThan(0)
})

test('what somebody looked at before it was signed is signed all the same', async () => {
  const store = await openStore(newPath())
  const checkpointer = checkpointerOf(store)
  const one = append()
  await store.append(one)
  await checkpointer.standing(one.tenantId)
  await checkpointer.start()
  await expect.poll(() => sizeOf(store, one.tenantId)).toBe(1)
})

test('a thousand events are signed at once, without waiting for the second', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const store = await openStore(newPath())
  await checkpointerOf(store).start()
  // By turns, not by a poll, which would move the clock on. The round of the start has ended then: none is woken beside it.
  const signed = async (id: string, size: number) => {
    while (((await sizeOf(store, id)) ?? 0) < size) await new Promise(setImmediate)
  }
  await signed(systemTenantId, 1)
  const tenantId = newId()
  for (let batch = 0; batch < 10; batch += 1)
    await store.append(append({ tenantId, events: Array.from({ length: 110 }, () => event()) }))
  await signed(tenantId, 900)
  await requireSound(store, tenantId)
})

test('what is asked for fresh covers every event before it, and is the same again without a new one', async () => {
  const store = await openStore(newPath())
  const checkpointer = checkpointerOf(store)
  const tenantId = newId()
  await store.append(append({ tenantId, events: Array.from({ length: 2_500 }, () => event()) }))
  const [fresh, meanwhile] = await Promise.all([
    checkpointer.fresh(tenantId),
    checkpointer.fresh(tenantId),
  ])
  expect(fresh.size).toBe(2_500)
  expect(meanwhile).toEqual(fresh)
  expect(await checkpointer.fresh(tenantId)).toEqual(fresh)
  await store.append(append({ tenantId }))
  expect((await checkpointer.fresh(tenantId)).size).toBe(2_501)
  await requireSound(store, tenantId)
})

test('after a kill the next start signs from the log what the last one would have signed', async () => {
  const path = newPath()
  const one = append({ events: [event(), event(), event()] })
  const store = await openStore(path)
  await store.append(one)
  const first = await checkpointerOf(store).fresh(one.tenantId)
  await store.append({ ...one, expected: 3 })
  // The process ends here: six events, a checkpoint of three.
  await stopAll()
  const again = await openStore(path)
  const checkpointer = checkpointerOf(again)
  expect((await checkpointer.fresh(one.tenantId)).size).toBe(6)
  expect(await again.evidence.checkpointOver(one.tenantId, 0)).toEqual(first)
  await requireSound(again, one.tenantId)
})

test.each([
  ['an event was changed', 'update event set leaf_hash = zeroblob(32) where log_index = 1'],
  ['an event in the middle was removed', 'delete from event where log_index = 1'],
  ['the newest events were removed', 'delete from event where log_index >= 2'],
  ['an event that was not yet signed was removed', 'delete from event where log_index = 4'],
])(
  'when %s in the file, nothing is signed and nothing more written for this tenant, loudly; others go on',
  async (_what, sql) => {
    const path = newPath()
    const [one, other] = [append({ events: [event(), event(), event()] }), append()]
    const store = await openStore(path)
    await store.append(one)
    await store.append(other)
    await checkpointerOf(store).fresh(one.tenantId)
    await store.append(one)
    await stopAll()
    tamper(path, sql)
    const again = await openStore(path)
    const lines: string[] = []
    const checkpointer = checkpointerOf(again, lines)
    await checkpointer.start()
    await expect.poll(() => sizeOf(again, other.tenantId)).toBe(1)
    const unavailable = expect.objectContaining({ code: 'STORE_UNAVAILABLE' })
    await expect(again.append(one)).rejects.toEqual(unavailable)
    // What was signed stays what a bundle is measured by.
    expect((await checkpointer.fresh(one.tenantId)).size).toBe(3)
    await expect(checkpointer.proof(one.tenantId, 1, 2)).rejects.toEqual(unavailable)
    expect(await sizeOf(again, one.tenantId)).toBe(3)
    const errors = lines.filter((line) => line.includes('"level":50'))
    expect(errors).toHaveLength(1)
    expect(errors[0]).toContain(one.tenantId)
    await again.append(other)
  },
)

test('of a log without an event nothing is signed', async () => {
  const checkpointer = checkpointerOf(await openStore(newPath()))
  await expect(checkpointer.fresh(newId())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})

test('a node whose keys cannot be made facts does not start', async () => {
  const store = await createSqliteStore(newPath())
  await store.close()
  await expect(checkpointerOf(store).start()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})

test.each([`body = replace(body, 'Out', 'In')`, 'leaf_hash = cast(leaf_hash as text)'])(
  'an event that is altered beside the running node (%s) is found though nobody reads it',
  async (change) => {
    const path = newPath()
    const one = append({ events: [event(), event()] })
    const store = await openStore(path)
    const checkpointer = checkpointerOf(store)
    await store.append(one)
    await checkpointer.fresh(one.tenantId)
    tamper(path, `update event set ${change} where log_index = 1`)
    await checkpointer.start()
    const { tenantId } = one
    const damage = { isDamaged: true, damagedAt: 1 }
    await expect
      .poll(() => checkpointer.standing(tenantId), { timeout: 5_000 })
      .toMatchObject(damage)
  },
)

const kept = 'create table before as select log_index, leaf_hash from event;'
const asBefore = `update event set leaf_hash =
  (select leaf_hash from before where before.log_index = event.log_index)`

test.each([
  [
    'an event was altered',
    `update event set body = replace(body, 'SignedOut', 'Forged!!!') where log_index = 1`,
    `update event set body = replace(body, 'Forged!!!', 'SignedOut')`,
    1,
  ],
  [
    'the hash of an event was changed',
    `${kept} update event set leaf_hash = zeroblob(32) where log_index = 1`,
    asBefore,
    undefined,
  ],
  [
    'the hash of an event cannot even be read',
    `${kept} update event set leaf_hash = cast(leaf_hash as text) where log_index = 1`,
    asBefore,
    undefined,
  ],
])(
  'a log in which %s is refused from the next start on, before its damage is found again, until it is as it was',
  async (_what, damage, restoration, damagedAt) => {
    const [path, database] = [newPath(), openSecretsDatabase(':memory:')]
    const one = append({ events: [event(), event(), event()] })
    const { tenantId } = one
    const opened = async () => {
      await stopAll()
      const store = await openStore(path)
      return { store, checkpointer: checkpointerOf(store, [], database) }
    }
    const first = await opened()
    await first.store.append(one)
    await first.checkpointer.fresh(tenantId)
    await stopAll()
    tamper(path, damage)
    const found = await opened()
    await found.checkpointer.start()
    const isDamaged = async () => (await found.checkpointer.standing(tenantId)).isDamaged
    await expect.poll(isDamaged).toBe(true)
    const again = await opened()
    await again.checkpointer.start()
    const refused = { code: 'STORE_UNAVAILABLE' }
    await expect(again.store.append(one)).rejects.toMatchObject(refused)
    const standing = { isDamaged: true, ...(damagedAt !== undefined && { damagedAt }) }
    expect(await again.checkpointer.standing(tenantId)).toMatchObject(standing)
    await stopAll()
    tamper(path, restoration)
    for (let start = 1; start <= 2; start += 1) {
      const restored = await opened()
      await restored.checkpointer.start()
      await restored.store.append(one)
    }
  },
)

test('damage that cannot be remembered is refused all the same, and the node says both', async () => {
  const path = newPath()
  const [store, lines, database] = [
    await openStore(path),
    [] as string[],
    openSecretsDatabase(':memory:'),
  ]
  const one = append()
  await store.append(one)
  const checkpointer = checkpointerOf(store, lines, database)
  await checkpointer.fresh(one.tenantId)
  database.close()
  tamper(path, `update event set body = replace(body, 'SignedOut', 'Forged!!!')`)
  await store.query({ tenantId: one.tenantId, limit: 1 })
  await expect
    .poll(() => lines.map((line) => JSON.parse(line).msg))
    .toEqual([expect.stringContaining('nothing more is written'), 'damage not remembered'])
  await expect(store.append(one)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
})

test('a log that could not be read once is read when it can be', async () => {
  const store = await openStore(newPath())
  const { evidence } = store
  const { readLeaves, newestCheckpoint } = evidence
  const one = append()
  await store.append(one)
  const checkpointer = checkpointerOf(store)
  const fails = () => Promise.reject(new Error('away'))
  for (const [name, works] of [
    ['newestCheckpoint', newestCheckpoint],
    ['readLeaves', readLeaves],
  ] as const) {
    Object.assign(evidence, { [name]: fails })
    await expect(checkpointer.fresh(one.tenantId)).rejects.toThrow('away')
    Object.assign(evidence, { [name]: works })
  }
  expect((await checkpointer.fresh(one.tenantId)).size).toBe(1)
})

test('each key is a fact of the deployment, once, whatever is started again', async () => {
  const store = await openStore(newPath())
  await checkpointerOf(store).start()
  await checkpointerOf(store).start()
  const { items } = await store.query({ tenantId: systemTenantId, limit: 10 })
  expect(items.map(({ type, data }) => ({ type, data }))).toEqual([
    {
      type: 'EvidenceKeyAdded',
      data: { publicKey: toBase64(evidenceKeys.publicKeys()[0] ?? new Uint8Array()) },
    },
  ])
})

test('a key that is added or retired beside a running node is a fact within about a second, and each once, also of each customer', async () => {
  const store = await openStore(newPath())
  const customer = append()
  await store.append(customer)
  const checkpointer = checkpointerOf(store)
  await checkpointer.start()
  const [older] = evidenceKeys.publicKeys() as [Uint8Array]
  evidenceKeys.add()
  evidenceKeys.retire(older)
  const factsOf = async (tenantId = systemTenantId) => {
    await store.append(append())
    const { items } = await store.query({ tenantId, limit: 10, types: typesOfKind('system') })
    return items.map(({ type, data }) => [type, (data as { publicKey: string }).publicKey])
  }
  const [newer] = evidenceKeys.publicKeys() as [Uint8Array]
  const facts = [
    ['EvidenceKeyRetired', toBase64(older)],
    ['EvidenceKeyAdded', toBase64(newer)],
    ['EvidenceKeyAdded', toBase64(older)],
  ]
  await expect
    .poll(async () => new Set((await factsOf()).map(String)))
    .toEqual(new Set(facts.map(String)))
  await checkpointerOf(store).start()
  expect(await factsOf()).toHaveLength(3)
  expect(new Set((await factsOf(customer.tenantId)).map(String))).toEqual(
    new Set(facts.map(String)),
  )
})
