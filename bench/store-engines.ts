/** The log on one engine, beside a table of one column on the same engine and disk. */
import { chmodSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { pino } from 'pino'
import { writeAndKill } from '../api/src/store/crash.fixture.ts'
import type { EventStore } from '../api/src/store/event-store.ts'
import { startPostgres } from '../api/src/store/postgres.fixture.ts'
import { createPostgresStore } from '../api/src/store/postgres.ts'
import { createSqliteStore } from '../api/src/store/sqlite.ts'
import { openRawQueue, type RawQueue } from './raw-queue.ts'

const linesBeforeKill = 200

export type Engine = {
  readonly store: EventStore
  readonly raw: RawQueue
  /** These texts in one transaction, by nobody who waits for an answer: the least that the engine asks. */
  insertBare(texts: readonly string[]): Promise<void>
  /** Of the log with its indexes. */
  bytes(): Promise<number>
  /** Who writes is killed; ends what was open. @returns milliseconds until the log is open and read again */
  reopenAfterKill(): Promise<number>
  close(): Promise<void>
}
type EngineName = 'sqlite' | 'postgres'

export function openEngine(name: EngineName, directory: string): Promise<Engine> {
  return name === 'sqlite' ? openSqlite(directory) : openPostgres(directory)
}

async function openSqlite(directory: string): Promise<Engine> {
  const path = join(directory, 'events.db')
  let store = await createSqliteStore(path)
  const rawPath = join(directory, 'raw.db')
  const raw = await openRawQueue({ path: rawPath })
  const bare = new DatabaseSync(rawPath)
  bare.exec('pragma synchronous = full; create table bare(body text)')
  const insert = bare.prepare('insert into bare values (?)')
  return {
    get store() {
      return store
    },
    raw,
    async insertBare(texts) {
      bare.exec('begin immediate')
      for (const text of texts) insert.run(text)
      bare.exec('commit')
    },
    async bytes() {
      const database = new DatabaseSync(path)
      database.exec('pragma wal_checkpoint(passive)')
      database.close()
      return statSync(path).size
    },
    async reopenAfterKill() {
      await store.close()
      await writeAndKill(path, linesBeforeKill)
      const begun = performance.now()
      store = await createSqliteStore(path)
      await store.readAll((await store.head()) - 1, 1)
      return performance.now() - begun
    },
    async close() {
      await store.close()
      await raw.close()
      bare.close()
    },
  }
}

const logTables = `select sum(pg_total_relation_size(oid)) as bytes from pg_class
  where relkind = 'r' and relnamespace = 'public'::regnamespace and relname not in ('bare', 'queued')`

async function openPostgres(directory: string): Promise<Engine> {
  // The server runs as nobody and must get to its folder.
  for (const folder of [dirname(directory), directory]) chmodSync(folder, 0o755)
  const server = await startPostgres(directory)
  const url = await server.newDatabase()
  const log = pino({ level: 'silent' })
  let store = await createPostgresStore(url, log)
  const raw = await openRawQueue({ url })
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  await client.query('create table bare(body text)')
  const statement = { name: 'bare', text: 'insert into bare select unnest($1::text[])' }
  return {
    get store() {
      return store
    },
    raw,
    async insertBare(texts) {
      await client.query({ ...statement, values: [texts] })
    },
    async bytes() {
      return Number((await server.run(logTables, url))[0]?.['bytes'])
    },
    async reopenAfterKill() {
      await store.close()
      await client.end()
      await raw.close()
      await writeAndKill(url, linesBeforeKill)
      await server.stop('SIGKILL')
      const begun = performance.now()
      await server.start()
      store = await createPostgresStore(url, log)
      await store.readAll((await store.head()) - 1, 1)
      return performance.now() - begun
    },
    async close() {
      await store.close()
      await raw.close()
      await client.end()
      await server.remove()
    },
  }
}
