/**
 * The log of `events.db` into an empty PostgreSQL database: positions, trees, signatures and integers of ids stay what they are.
 * All in one transaction. Killed before its commit: the database is empty and the file is the log; after it: the database is.
 */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { StreamKind } from '@travessia/schemas/events'
import pg from 'pg'
import type { Logger } from 'pino'
import { requireUnused } from '../views/rebuild.ts'
import { migrate } from './migrations.ts'
import { columnsOf, eventColumnsOf, type Value } from './postgres-batch.ts'
import {
  addPartition,
  bucketFor,
  bucketOf,
  connectionLimits,
  prepareDatabase,
  setupLock,
} from './postgres-setup.ts'
import { writerStatements } from './postgres-statements.ts'

const pageRows = 2_000
const statementLimitMs = 10 * 60_000

type Move = { readonly path: string; readonly url: string; readonly log: Logger }

/**
 * @returns how many events were moved; the file has another name then
 * @throws RangeError when there is nothing to move, a node uses it, or the database has a log. TravessiaError CONFIG_INVALID
 */
export async function moveLog({ path, url, log }: Move): Promise<{ events: number; kept: string }> {
  if (!existsSync(path)) throw new RangeError('there is no events.db to move')
  requireUnused(path)
  await prepareDatabase(url, { log })
  const from = new DatabaseSync(path)
  const client = new pg.Client({
    ...connectionLimits,
    ...{ connectionString: url, query_timeout: statementLimitMs },
    idle_in_transaction_session_timeout: statementLimitMs,
  })
  client.on('error', () => undefined)
  let events: number
  try {
    migrate(from)
    // Nobody writes while it is read.
    from.exec('begin immediate')
    await client.connect()
    events = await copy(from, client)
    from.exec('rollback; pragma wal_checkpoint(truncate)')
  } finally {
    from.close()
    await client.end().catch(() => undefined)
  }
  const kept = `${path}.moved`
  renameSync(path, kept)
  for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
  return { events, kept }
}

async function copy(from: DatabaseSync, client: pg.Client): Promise<number> {
  await client.query('begin')
  await client.query('select pg_advisory_xact_lock($1)', [setupLock])
  await client.query(`select set_config('travessia.tenant', 'all', true)`)
  const { rows } = await client.query('select next_position from log_head for update')
  if (Number(rows[0]?.next_position) !== 1) throw new RangeError('the database has a log already')
  const into = (table: string, types: readonly string[]) => async (values: readonly Value[][]) => {
    const columns = types.map((type, index) => `$${index + 1}::${type}[]`).join(', ')
    const sql = `insert into ${table} overriding system value select * from unnest(${columns})`
    await client.query(sql, columnsOf(values, types.length))
  }
  await eachPage(from, 'select key, id from ref', into('ref', ['bigint', 'text']))
  await client.query(`select setval('ref_key_seq', max(key)) from ref`)
  const buckets = bucketsOf(from)
  for (const bucket of new Set(buckets.values())) await addPartition(client, bucket)
  const now = bucketOf(new Date())
  const stream = into('stream', ['bigint', 'bigint', 'text', 'int', 'date'])
  await eachPage(from, 'select tenant_key, stream_key, kind, version from stream', (streams) =>
    stream(streams.map((row) => [...row, buckets.get(Number(row[1])) ?? now])),
  )
  let events = 0
  await eachPage(from, eventRows, async (page) => {
    events += page.length
    const values = page.map((row) => [...row, buckets.get(Number(row[3])) ?? now])
    await client.query(writerStatements.addEvents, eventColumnsOf(values))
  })
  for (const [table, types] of Object.entries(others))
    await eachPage(from, `select * from ${table}`, into(table, types))
  // The events that prove these have gone.
  const proof = 'trigger expired_leaf_is_said_by_a_fact'
  await client.query(`alter table expired_leaf disable ${proof}`)
  const leaf = into('expired_leaf', ['bigint', 'bigint', 'bigint', 'bytea', 'bigint'])
  await eachPage(from, 'select * from expired_leaf', leaf)
  await client.query(`alter table expired_leaf enable ${proof}`)
  const head = from.prepare('select next_position from log_head').get()
  await client.query('update log_head set next_position = $1', [Number(head?.['next_position'])])
  await client.query('commit')
  return events
}

/** Tables that have the same columns in both. */
const others = {
  tenant_head: ['bigint', 'bigint'],
  event_hour: ['bigint', 'text', 'bigint', 'bigint'],
  checkpoint: ['bigint', 'bigint', 'bytea', 'text', 'text'],
  cosignature: ['bigint', 'bigint', 'bigint', 'text', 'text', 'text'],
}

/** In the order of `addEvents`, without the bucket. */
const eventRows = `select position, tenant_key, log_index, stream_key, version, type_key, at, actor_key, installation_key,
  device_key, session_key, body, lower(hex(leaf_hash)) as leaf from event order by position`

/** Of each stream the month that it opened in: of its first event that is still there. */
function bucketsOf(from: DatabaseSync): Map<number, string> {
  const first = from.prepare(`select stream.stream_key as stream, kind, min(event.version), at
    from stream join event on event.stream_key = stream.stream_key group by stream.stream_key`)
  const buckets = new Map<number, string>()
  for (const { stream, kind, at } of first.iterate()) {
    const month = bucketOf(new Date(Number(at)))
    buckets.set(Number(stream), bucketFor(kind as StreamKind, month))
  }
  return buckets
}

async function eachPage(
  from: DatabaseSync,
  sql: string,
  take: (rows: Value[][]) => Promise<unknown>,
): Promise<void> {
  let rows: Value[][] = []
  for (const row of from.prepare(sql).iterate()) {
    rows.push(Object.values(row) as Value[])
    if (rows.length < pageRows) continue
    await take(rows)
    rows = []
  }
  if (rows.length > 0) await take(rows)
}
