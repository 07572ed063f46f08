import { createHash } from 'node:crypto'
import { on } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { newId } from '@travessia/schemas/ids'
import { afterAll, afterEach, expect, test } from 'vitest'
import { describeEventStore } from './conformance.ts'
import { append, event } from './conformance-events.ts'
import { describeEvidenceLog } from './conformance-evidence.ts'
import { describeInterleaving, requireDense } from './conformance-interleaving.ts'
import { describeLists } from './conformance-lists.ts'
import type { EventStore } from './event-store.ts'
import { migrate } from './migrations.ts'
import { createSqliteStore } from './sqlite.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-store-'))
const opened: EventStore[] = []
let files = 0

async function open(path = newPath()): Promise<EventStore> {
  const store = await createSqliteStore(path)
  opened.push(store)
  return store
}
function newPath(): string {
  files += 1
  return join(directory, `${files}.db`)
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close().catch(() => undefined)))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describeEventStore(() => open())
describeEvidenceLog(() => open())
describeLists(() => open())
describeInterleaving(async () => {
  const path = newPath()
  return [await open(path), await open(path)]
})

test('a store opened again has every event and goes on where it was', async () => {
  const path = newPath()
  const one = append()
  const first = await open(path)
  await first.append(one)
  await first.close()
  const second = await open(path)
  expect(await second.readStream(one.tenantId, one.streamId)).toHaveLength(1)
  expect(await second.append({ ...one, expected: 1 })).toEqual({ position: 2, version: 2 })
})

test('an event is never changed and never removed, also by who holds the file', async () => {
  const path = newPath()
  const store = await open(path)
  await store.append(append())
  const database = new DatabaseSync(path)
  for (const sql of [
    'update event set type_key = 1',
    'delete from event',
    'update event set position = 9',
  ])
    expect(() => database.exec(sql)).toThrow('append only')
  database.close()
})

test('a checkpoint is never changed and never removed, also by who holds the file', async () => {
  const path = newPath()
  const store = await open(path)
  const [root, at] = [Buffer.alloc(32), '2026-11-24T12:00:00.000Z']
  await store.evidence.keep([{ tenantId: newId(), size: 1, root, note: 'note', at }])
  const database = new DatabaseSync(path)
  for (const sql of ['update checkpoint set size = 2', 'delete from checkpoint'])
    expect(() => database.exec(sql)).toThrow('append only')
  database.close()
})

test('the leaf is the SHA-256 of 0x00 and the stored bytes (RFC 6962)', async () => {
  const path = newPath()
  const store = await open(path)
  await store.append(append())
  const database = new DatabaseSync(path, { readOnly: true })
  const row = database.prepare('select body, leaf_hash from event').get()
  const leaf = createHash('sha256').update('\0').update(String(row?.['body'])).digest('hex')
  expect(Buffer.from(row?.['leaf_hash'] as Uint8Array).toString('hex')).toBe(leaf)
  database.close()
})

/** Begins the writer and asks its own connection, which alone knows how it syncs. */
const asking = `const { DatabaseSync } = require('node:sqlite')
  const { exec } = DatabaseSync.prototype
  let log
  DatabaseSync.prototype.exec = function (sql) {
    log = this
    exec.call(this, sql)
  }
  const said = (name) => Object.values(log.prepare('pragma ' + name).get())[0]
  const { parentPort, workerData } = require('node:worker_threads')
  import(workerData.writer).then(() => parentPort.postMessage(['journal_mode', 'synchronous'].map(said)))`

test('the log is written ahead and synced at each commit', async () => {
  const writer = new URL('./sqlite-worker.ts', import.meta.url).href
  const worker = new Worker(asking, { eval: true, workerData: { path: newPath(), writer } })
  for await (const [said] of on(worker, 'message')) {
    if (said === 'open') continue
    expect(said).toEqual(['wal', 2])
    break
  }
  await worker.terminate()
})

test('a migration that was changed after it ran, or that a newer version made, is refused', () => {
  const folder = join(directory, 'migrations')
  mkdirSync(folder)
  writeFileSync(join(folder, '0001.sql'), 'create table a(x)')
  const database = new DatabaseSync(':memory:')
  migrate(database, { folder })
  migrate(database, { folder })
  writeFileSync(join(folder, '0002.sql'), 'create table b(x)')
  migrate(database, { folder })
  expect(database.prepare('select name from migration').all()).toHaveLength(2)
  writeFileSync(join(folder, '0001.sql'), 'create table a(x, y)')
  expect(() => migrate(database, { folder })).toThrow('0001.sql was changed')
  rmSync(join(folder, '0002.sql'))
  writeFileSync(join(folder, '0001.sql'), 'create table a(x)')
  expect(() => migrate(database, { folder })).toThrow('0002.sql is of a newer version')
})

test('a file with drifted migrations, or one that is no database, does not open', async () => {
  const path = newPath()
  await (await open(path)).close()
  const database = new DatabaseSync(path)
  database.exec("update migration set checksum = 'x'")
  database.close()
  await expect(open(path)).rejects.toThrow('was changed')
  const garbage = newPath()
  writeFileSync(garbage, 'x'.repeat(4_096))
  await expect(open(garbage)).rejects.toThrow('not a database')
})

test('a disk that refuses is 503 for that batch, and the next one is tried anew', async () => {
  const path = newPath()
  const store = await open(path)
  const database = new DatabaseSync(path)
  database.exec(
    "create trigger broken before insert on event begin select raise(abort, 'disk full'); end",
  )
  const one = append({ expected: 'none' })
  await expect(store.append(one)).rejects.toEqual(
    expect.objectContaining({ code: 'STORE_UNAVAILABLE' }),
  )
  database.exec('drop trigger broken')
  database.close()
  expect(await store.append(one)).toEqual({ position: 1, version: 1 })
})

test('what the engine refuses of one append does not cost the others of its batch', async () => {
  const path = newPath()
  const store = await open(path)
  const database = new DatabaseSync(path)
  database.exec(
    "create trigger broken before insert on event when new.body like '%unlucky%' begin select raise(abort, 'no'); end",
  )
  database.close()
  const unlucky = append({ events: [event(), event({ correlationId: 'unlucky' })] })
  const results = await Promise.allSettled(
    [append(), unlucky, append()].map((one) => store.append(one)),
  )
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  requireDense(await store.readAll(0, 10))
  expect(await store.head()).toBe(2)
})

test('one event of a megabyte, and many of it, go through in batches of their own', async () => {
  const store = await open()
  const commits: number[] = []
  store.onAppended((position) => commits.push(position))
  const big = () => event({ correlationId: 'x'.repeat(300_000) })
  await Promise.all([1, 2, 3].map(() => store.append(append({ events: [big()] }))))
  expect(commits).toEqual([1, 2, 3])
})

test('what was written ahead beside a long reading is given back when it has ended', async () => {
  const path = newPath()
  const store = await open(path)
  const aheadMb = () => statSync(`${path}-wal`).size / 1e6
  const reading = new DatabaseSync(path, { readOnly: true })
  reading.exec('begin; select 1 from event')
  const big = () => append({ events: [event({ correlationId: 'x'.repeat(1_000_000) })] })
  while (aheadMb() < 80)
    await Promise.all([big(), big(), big(), big()].map((one) => store.append(one)))
  reading.close()
  // The first carries it over, the second begins anew.
  for (let turn = 0; turn < 2; turn += 1) await store.append(append())
  expect(aheadMb()).toBeLessThan(69)
})
