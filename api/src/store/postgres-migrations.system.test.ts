import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  appendMore,
  copyMigrations,
  readAllOf,
  type Written,
  writeSome,
} from './older-log.fixture.ts'
import { type PostgresServer, startPostgres } from './postgres.fixture.ts'
import { createPostgresStore } from './postgres.ts'
import { addPartition, bucketFor, prepareDatabase, setupLock } from './postgres-setup.ts'
import { SmallDisk } from './small-disk.fixture.ts'

const log = pino({ level: 'silent' })
const all = join(import.meta.dirname, 'migrations/postgres')
const directory = mkdtempSync(join(tmpdir(), 'travessia-older-'))
const roomKib = 400 * 1024
let disk: SmallDisk
let server: PostgresServer

beforeAll(async () => {
  disk = new SmallDisk(roomKib)
  server = await startPostgres(disk.directory)
})
afterAll(async () => {
  await server?.remove()
  disk.remove()
  rmSync(directory, { recursive: true, force: true })
})

const events = `select position, tenant_key, log_index, stream_key, version, body::json ->> 'type',
  (body::json ->> 'at')::timestamptz, actor_key, installation_key, device_key, session_key, body, leaf_hash, bucket
  from json_populate_recordset(null::copied, $json$`

/** What stands in this log, as it was laid out before this migration. */
async function copyToOlder(from: string, before: string): Promise<string> {
  const url = await server.newDatabase()
  const folder = copyMigrations(all, join(directory, before), before)
  await prepareDatabase(url, { log, folder })
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await addPartition(client, bucketFor('access', ''))
  await client.end()
  const read = async (table: string) =>
    JSON.stringify(
      (await server.run(`select json_agg(t) as rows from ${table} t`, from))[0]?.['rows'],
    )
  // Types were no ids then.
  await server.run(
    `delete from log_head;
     insert into ref(key, id) overriding system value select * from json_populate_recordset(null::ref, $json$${await read('ref')}$json$)
       where id !~ '^[A-Z]';
     select setval('ref_key_seq', max(key)) from ref;
     create type copied as (position bigint, tenant_key bigint, log_index bigint, stream_key bigint, version integer, type_key bigint,
       at bigint, actor_key bigint, installation_key bigint, device_key bigint, session_key bigint, body text, leaf_hash bytea, bucket date)`,
    url,
  )
  for (const table of ['log_head', 'tenant_head', 'stream', 'event_hour'])
    await server.run(
      `insert into ${table} select * from json_populate_recordset(null::${table}, $json$${await read(table)}$json$)`,
      url,
    )
  await server.run(
    `insert into event ${events}${await read('event')}$json$); drop type copied`,
    url,
  )
  return url
}

async function expireBy(url: string, { expiry }: Written): Promise<void> {
  const { tenantId, appliedPosition, first, last } = expiry
  const those = `from event where tenant_key = (select key from ref where id = '${tenantId}')
    and position between ${first} and ${last}`
  await server.run(
    `insert into expired_leaf select tenant_key, position, log_index, leaf_hash, ${appliedPosition} ${those};
     delete ${those}`,
    url,
  )
}

test('a log of before types and times were integers gives the same of everything, and stays append-only (migration 0007)', async () => {
  const from = await server.newDatabase()
  const store = await createPostgresStore(from, log)
  const written = await writeSome(store)
  const url = await copyToOlder(from, '0007.sql')
  await expireBy(url, written)
  await store.evidence.expire(written.expiry)
  const migrated = await createPostgresStore(url, log)
  expect(await readAllOf(migrated, written)).toEqual(await readAllOf(store, written))
  expect(await appendMore(migrated)).toBe(await appendMore(store))
  for (const sql of ['delete from event', 'update event set at = 1', 'truncate event'])
    await expect(server.run(sql, url), sql).rejects.toThrow('append only')
  const { first, last } = written.expiry
  const more = {
    ...written,
    expiry: { ...written.expiry, first: last + 1, last: last + first + 9 },
  }
  await expect(expireBy(url, more)).rejects.toThrow('no retention says')
  await migrated.close()
  await store.close()
})

test('a log of before retentions keeps its events, and lets go then what one names and nothing else (migration 0006)', async () => {
  const from = await server.newDatabase()
  const store = await createPostgresStore(from, log)
  const written = await writeSome(store)
  const url = await copyToOlder(from, '0006.sql')
  await expect(server.run('delete from event', url)).rejects.toThrow('append only')
  const migrated = await createPostgresStore(url, log)
  expect(await readAllOf(migrated, written)).toEqual(await readAllOf(store, written))
  const { expiry } = written
  const wider = { ...expiry, last: expiry.last + 9 }
  await expect(migrated.evidence.expire(wider)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  for (const one of [migrated, store]) await one.evidence.expire(expiry)
  expect(await readAllOf(migrated, written)).toEqual(await readAllOf(store, written))
  await migrated.close()
  await store.close()
})

test('a node that starts while another one lays out the log waits for it, longer than for any other lock, and says so', async () => {
  const url = await server.newDatabase()
  const other = new pg.Client({ connectionString: url })
  await other.connect()
  await other.query(`select pg_advisory_lock(${setupLock})`)
  const warned: string[] = []
  const told = pino({ level: 'warn' }, { write: (line: string) => void warned.push(line) })
  const opening = createPostgresStore(`${url}&lock_timeout=200`, told)
  const isSaid = [expect.stringContaining('waiting until it has ended')]
  await expect.poll(() => warned).toEqual(isSaid)
  const isOpen = await Promise.race([opening.then(() => true), sleep(1_500).then(() => false)])
  expect([isOpen, warned]).toEqual([false, isSaid])
  await other.end()
  const store = await opening
  expect(await store.head()).toBe(0)
  await store.close()
})

/** A log with some of everything, as it was laid out before the migration. */
async function writeBefore0009() {
  const url = await server.newDatabase()
  const store = await createPostgresStore(url, log)
  const written = await writeSome(store)
  const read = await readAllOf(store, written)
  await store.close()
  const undo = `drop index event_device_type; delete from migration where name = '0009.sql'`
  await server.run(undo, url)
  return { url, written, read }
}

async function requireMigrated({
  url,
  written,
  read,
}: Awaited<ReturnType<typeof writeBefore0009>>) {
  const store = await createPostgresStore(url, log)
  expect(await readAllOf(store, written)).toEqual(read)
  expect(await appendMore(store)).toBe(read.head + 1)
  await store.close()
  // Of the log and of each month.
  const found = `select count(*)::int, bool_and(indisvalid) as valid from pg_index
    where indexrelid in (select relid from pg_partition_tree('event_device_type'))`
  const months = await server.run(`select count(*)::int from pg_partition_tree('event')`, url)
  expect(await server.run(found, url)).toEqual([{ ...months[0], valid: true }])
}

/** A node that has made the index, and has not committed it. */
async function nodeAtItsIndex(url: string) {
  await server.run(
    `create function wait_here() returns event_trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(1); end $$;
     create event trigger held on ddl_command_end when tag in ('CREATE INDEX') execute function wait_here()`,
    url,
  )
  const lock = new pg.Client({ connectionString: url })
  lock.on('error', () => undefined)
  await lock.connect()
  await lock.query('select pg_advisory_lock(1)')
  const program = join(import.meta.dirname, 'crash-writer.fixture.ts')
  const node = spawn(process.execPath, [program, url], { stdio: 'ignore' })
  const waiting = `select 1 from pg_locks where locktype = 'advisory' and objid = 1 and not granted`
  await expect.poll(() => server.run(waiting, url)).toHaveLength(1)
  const kill = async () => {
    const exit = once(node, 'exit')
    node.kill('SIGKILL')
    await exit
  }
  return { lock, kill }
}

test('a node that is killed when it has laid out the log and not committed leaves it to the next one (migration 0009)', async () => {
  const older = await writeBefore0009()
  const { lock, kill } = await nodeAtItsIndex(older.url)
  await kill()
  await lock.end()
  await requireMigrated(older)
})

test('a server that is killed when the log is laid out and not committed leaves it to the next start (migration 0009)', async () => {
  const older = await writeBefore0009()
  const { kill } = await nodeAtItsIndex(older.url)
  await server.stop('SIGKILL')
  await kill()
  await server.start()
  await requireMigrated(older)
})

test('a disk that is full when the log is laid out refuses the start; with room the next one works (migration 0009)', async () => {
  const older = await writeBefore0009()
  // It ends without room for its own log: a new piece of that, which is made when something is written into it.
  await server.run('select pg_switch_wal()')
  await server.run(`select pg_logical_emit_message(true, '', '')`)
  disk.leave(8)
  await expect(createPostgresStore(older.url, log)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    details: { problems: [expect.stringContaining('No space left on device')] },
  })
  disk.leave(roomKib)
  await requireMigrated(older)
})
