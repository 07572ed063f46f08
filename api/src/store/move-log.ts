/**
 * The log of `events.db` into an empty PostgreSQL database: positions, trees, signatures and integers of ids stay what they are.
 * All in one transaction. Killed before its commit: the database is empty and the file is the log; after it: the database is. From just
 * before it an empty file has the other name: no node begins on the left-over, and the next call gives the log that name.
 */
import { existsSync, renameSync, statSync, writeFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { StreamKind } from '@travessia/schemas/events'
import pg from 'pg'
import type { Logger } from 'pino'
import { movedName } from './events-file.ts'
import { migrate } from './migrations.ts'
import { openAlone } from './open-alone.ts'
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
 * @throws RangeError when there is nothing to move, a node uses it, or the database has another log. TravessiaError CONFIG_INVALID
 */
export async function moveLog({ path, url, log }: Move): Promise<{ events: number; kept: string }> {
  if (!existsSync(path)) throw new RangeError('there is no events.db to move')
  const kept = movedName(path)
  if (existsSync(kept) && statSync(kept).size > 0)
    throw new RangeError(`${kept} is there already: give it another name`)
  const from = openAlone(path)
  try {
    await prepareDatabase(url, { log })
    migrate(from)
    const mark = () => writeFileSync(kept, '', { flag: 'a', flush: true })
    const events = await moveRows(from, { url, mark })
    // One file, which nobody has opened before it has its other name.
    from.exec('pragma journal_mode = delete')
    renameSync(path, kept)
    return { events, kept }
  } finally {
    from.close()
  }
}

type Target = { readonly url: string; readonly mark: () => void }

async function moveRows(from: DatabaseSync, { url, mark }: Target): Promise<number> {
  // Before the transaction: the server ends one in which nothing is said for long.
  const buckets = new Buckets(from)
  const client = new pg.Client({
    ...connectionLimits,
    ...{ connectionString: url, query_timeout: statementLimitMs },
    idle_in_transaction_session_timeout: statementLimitMs,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock($1)', [setupLock])
    await client.query(`select set_config('travessia.tenant', 'all', true)`)
    const { rows } = await client.query('select next_position from log_head for update')
    if (Number(rows[0]?.next_position) === 1) {
      const events = await copy(from, client, buckets)
      mark()
      await client.query('commit')
      return events
    }
    if (await isMoved(from, client)) return Number(from.prepare(countEvents).get()?.['events'])
    throw new RangeError('the database has a log already')
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** All that the file says the database says, or has said until it expired. */
async function isMoved(from: DatabaseSync, client: pg.Client): Promise<boolean> {
  const last = from.prepare(lastEvent).get()
  const { rows } = await client.query(
    `select from event where position = $1 and leaf_hash = $2
      union all select from expired_leaf where position = $1 and leaf_hash = $2`,
    last ? [last['position'], last['leaf_hash']] : [0, null],
  )
  return rows.length > 0
}

async function copy(from: DatabaseSync, client: pg.Client, buckets: Buckets): Promise<number> {
  const into = (table: string, types: readonly string[]) => async (values: readonly Value[][]) => {
    const columns = types.map((type, index) => `$${index + 1}::${type}[]`).join(', ')
    const sql = `insert into ${table} overriding system value select * from unnest(${columns})`
    await client.query(sql, columnsOf(values, types.length))
  }
  await eachPage(from, 'select key, id from ref', into('ref', ['bigint', 'text']))
  await client.query(`select setval('ref_key_seq', max(key)) from ref`)
  for (const bucket of buckets.names) await addPartition(client, bucket)
  const stream = into('stream', ['bigint', 'bigint', 'text', 'int', 'date'])
  await eachPage(from, 'select tenant_key, stream_key, kind, version from stream', (streams) =>
    stream(streams.map((row) => [...row, buckets.of(row[1])])),
  )
  let events = 0
  await eachPage(from, eventRows, async (page) => {
    events += page.length
    const values = page.map((row) => [...row, buckets.of(row[3])])
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
  return events
}

/** Tables that have the same columns in both. */
const others = {
  tenant_head: ['bigint', 'bigint'],
  event_hour: ['bigint', 'text', 'bigint', 'bigint'],
  checkpoint: ['bigint', 'bigint', 'bytea', 'text', 'text'],
  cosignature: ['bigint', 'bigint', 'bigint', 'text', 'text', 'text'],
}

const countEvents = 'select count(*) as events from event'
const lastEvent = 'select position, leaf_hash from event order by position desc limit 1'
/** In the order of `addEvents`, without the bucket. Of a time that is none, as older versions let in, the first there is. */
const eventRows = `select position, tenant_key, log_index, stream_key, version, type_key, coalesce(at, 0), actor_key, installation_key,
  device_key, session_key, body, lower(hex(leaf_hash)) as leaf from event order by position`

/** Of each stream that has an event still: when the first of them was written, whatever time it says. */
const openings = `select stream_key as stream, kind, (
    select case when json_valid(body) then json_extract(body, '$.recordedAt') end
      from event where event.stream_key = stream.stream_key order by version limit 1) as opened
  from stream where exists (select 1 from event where event.stream_key = stream.stream_key)`

/** Of each stream the month that it opened in. By integers, which are dense: there may be more streams than a Map holds. */
class Buckets {
  /** The first: of streams that have no event any more. */
  readonly names = [bucketOf(new Date())]
  readonly #places: Uint16Array

  constructor(from: DatabaseSync) {
    const last = from.prepare('select max(key) as key from ref').get()
    this.#places = new Uint16Array(Number(last?.['key']) + 1)
    const places = new Map<string, number>()
    for (const { stream, kind, opened } of from.prepare(openings).iterate()) {
      const month = opened === null ? this.names[0] : bucketOf(new Date(String(opened)))
      const name = bucketFor(kind as StreamKind, String(month))
      const place = places.get(name) ?? this.names.push(name) - 1
      places.set(name, place)
      this.#places[Number(stream)] = place
    }
  }

  of(stream: Value | undefined): string {
    return String(this.names[Number(this.#places[Number(stream)])])
  }
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
