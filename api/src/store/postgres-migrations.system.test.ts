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

const log = pino({ level: 'silent' })
const all = join(import.meta.dirname, 'migrations/postgres')
const directory = mkdtempSync(join(tmpdir(), 'travessia-older-'))
let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server?.remove()
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
  const isOpen = await Promise.race([opening.then(() => true), sleep(1_500).then(() => false)])
  expect(isOpen).toBe(false)
  expect(warned).toEqual([expect.stringContaining('waiting until it has ended')])
  await other.end()
  const store = await opening
  expect(await store.head()).toBe(0)
  await store.close()
})
