import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, expect, test, vi } from 'vitest'
import { migrate } from './migrations.ts'
import { appendMore, copyMigrations, readAllOf, writeSome } from './older-log.fixture.ts'
import { openLog } from './open-log.ts'
import { expireStatements } from './query.ts'
import { createSqliteStore } from './sqlite.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-migrations-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const all = join(import.meta.dirname, 'migrations/sqlite')
const events = `select position, tenant_key, log_index, stream_key, version, json_extract(body, '$.type'),
  json_extract(body, '$.at'), actor_key, installation_key, device_key, session_key, body, leaf_hash`

/** What stands in the log at this path, as it was laid out before migration 0007. */
function copyToOlder(from: string, to: string): DatabaseSync {
  const older = new DatabaseSync(to)
  migrate(older, { folder: copyMigrations(all, join(directory, 'before-0007'), '0007.sql') })
  older.exec(`attach '${from}' as written; delete from log_head`)
  for (const table of ['ref', 'log_head', 'tenant_head', 'stream', 'event_hour'])
    older.exec(`insert into main.${table} select * from written.${table}`)
  older.exec(`insert into main.event ${events} from written.event; detach written`)
  // Types were no ids then.
  older.exec("delete from ref where id glob '[A-Z]*'")
  return older
}

test('a log of before types and times were integers gives the same of everything, and stays append-only (migration 0007)', async () => {
  const [path, olderPath] = [join(directory, 'written.db'), join(directory, 'older.db')]
  const store = await createSqliteStore(path)
  const written = await writeSome(store)
  const older = copyToOlder(path, olderPath)
  const { tenantId, appliedPosition, first, last } = written.expiry
  const key = Number(older.prepare('select key from ref where id = ?').get(tenantId)?.['key'])
  older.prepare(expireStatements.keep).run(appliedPosition, key, first, last)
  older.prepare(expireStatements.remove).run(key, first, last)
  older.close()
  await store.evidence.expire(written.expiry)
  const migrated = await createSqliteStore(olderPath)
  expect(await readAllOf(migrated, written)).toEqual(await readAllOf(store, written))
  expect(await appendMore(migrated)).toBe(await appendMore(store))
  const database = new DatabaseSync(olderPath)
  for (const sql of [
    'delete from event',
    'update event set version = 9',
    'delete from expired_leaf',
  ])
    expect(() => database.exec(sql), sql).toThrow('append only')
  const expire = database.prepare(expireStatements.keep)
  expect(() => expire.run(appliedPosition, key, last + 1, last + 9)).toThrow('no retention says')
  database.close()
  await migrated.close()
  await store.close()
})

test('of two that open an older log at once each waits for what the other one lays out', async () => {
  const [path, DATA_DIR] = [join(directory, 'one.db'), join(directory, 'two')]
  mkdirSync(DATA_DIR)
  const store = await createSqliteStore(path)
  const written = await writeSome(store)
  const older = copyToOlder(path, join(DATA_DIR, 'events.db'))
  older.exec('pragma journal_mode = wal; begin immediate')
  const said: Array<Record<string, unknown>> = []
  const log = pino({}, { write: (line) => said.push(JSON.parse(line)) })
  const opening = Promise.all([openLog({ DATA_DIR }, log), openLog({ DATA_DIR }, log)])
  // Each has waited for it for longer than for any other transaction, and goes on waiting.
  await expect.poll(() => said, { timeout: 15_000 }).toHaveLength(2)
  for (const line of said)
    expect(line).toMatchObject({ level: 40, path: join(DATA_DIR, 'events.db') })
  await sleep(500)
  older.exec('commit')
  older.close()
  const opened = await opening
  for (const one of opened)
    expect(await readAllOf(one, written)).toEqual(await readAllOf(store, written))
  await Promise.all([store, ...opened].map((one) => one.close()))
})

test('another process is waited for up to the limit only, and without anybody to tell not at all', () => {
  const path = join(directory, 'held.db')
  const held = new DatabaseSync(path)
  migrate(held, { folder: copyMigrations(all, join(directory, 'first'), '0002.sql') })
  held.exec('begin immediate')
  const second = new DatabaseSync(path)
  second.exec('pragma busy_timeout = 50')
  expect(() => migrate(second)).toThrow('locked')
  const tell = vi.fn()
  const begun = performance.now()
  expect(() => migrate(second, { patience: { limitMs: 1_000, tell } })).toThrow('locked')
  expect(performance.now() - begun).toBeGreaterThan(900)
  expect(tell).toHaveBeenCalledTimes(1)
  expect(second.prepare('pragma busy_timeout').get()).toEqual({ timeout: 50 })
  held.exec('rollback')
  migrate(second, { patience: { limitMs: 1_000, tell } })
  expect(tell).toHaveBeenCalledTimes(1)
  held.close()
  second.close()
})
