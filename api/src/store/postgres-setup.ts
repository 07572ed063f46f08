/**
 * What a PostgreSQL database must be before the log is kept in it: durable, migrated, and used through a role that may
 * append but neither change nor remove. All in one transaction under a lock: of two nodes that start at once, one waits.
 */
import { join } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'
import type { StreamKind } from '@travessia/schemas/events'
import { passing } from '@travessia/schemas/retention'
import pg from 'pg'
import type { Logger } from 'pino'
import {
  createMigrationTable,
  knownMigrations,
  migrationLimitMs,
  pendingMigrations,
} from './migrations.ts'

export const appRole = 'travessia_app'
const postgresFolder = join(import.meta.dirname, 'migrations/postgres')
const oldestVersion = 150_000
export const setupLock = 7_263_881
/** Everything else may be added to, and no more; of `event` a trigger lets go what a retention has expired. */
const updatable = ['log_head', 'tenant_head', 'stream', 'event_hour']

/** Limits of every connection: a server that says nothing is one that is away. */
export const connectionLimits = {
  ...{ connectionTimeoutMillis: 3_000, query_timeout: 10_000 },
  ...{ lock_timeout: 8_000, idle_in_transaction_session_timeout: 10_000 },
  ...{ keepAlive: true, application_name: 'travessia' },
}

/** @returns the role to work in, unless the user may not have it. @throws TravessiaError CONFIG_INVALID: says why, without the credential */
export async function prepareDatabase(
  url: string,
  { log, folder = postgresFolder }: { readonly log: Logger; readonly folder?: string },
): Promise<string | undefined> {
  const client = new pg.Client({
    ...connectionLimits,
    query_timeout: 60_000,
    connectionString: url,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await requireDurable(client, log)
    await client.query('begin')
    await lockSetup(client, log)
    await client.query(`select set_config('travessia.tenant', 'all', true)`)
    await migrate(client, folder)
    await addPartition(client, bucketOf(new Date()))
    const role = (await mayUseRole(client)) ? appRole : undefined
    if (role) await grantToRole(client)
    else
      log.warn(
        { role: appRole },
        'the database user may neither create nor use this role: only triggers keep the log append-only',
      )
    await client.query('commit')
    return role
  } catch (error) {
    throw new TravessiaError('CONFIG_INVALID', {
      problems: [`TRAVESSIA_DATABASE_URL: ${sayWhy(error)}`],
    })
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** The first day of the month: names a partition. */
export function bucketOf(time: Date): string {
  return `${time.toISOString().slice(0, 7)}-01`
}

/** Of streams that never end as a whole: beside them no month would ever be empty. */
const lasting = '0001-01-01'

export function bucketFor(kind: StreamKind, month: string): string {
  return passing.has(kind) ? month : lasting
}

/** Of the log: they have ended before this time. */
export const monthsBefore = `select relname as name from pg_inherits join pg_class on pg_class.oid = inhrelid
  where inhparent = 'event'::regclass and relname ~ '^event_[1-9][0-9]{3}_[0-9]{2}$' and relname < $1 order by 1`

export function partitionOf(bucket: string): string {
  return `event_${bucket.slice(0, 7).replace('-', '_')}`
}

/** As its owner. Direct ways round the parent's policies and triggers are closed: no rights on it, no emptying. */
export async function addPartition(client: pg.Client, bucket: string): Promise<void> {
  const name = partitionOf(bucket)
  const { rows } = await client.query('select to_regclass($1) as found', [name])
  if (rows[0]?.found) return
  const next = new Date(bucket)
  next.setUTCMonth(next.getUTCMonth() + 1)
  await client.query(
    `create table if not exists ${name} partition of event for values from ('${bucket}') to ('${bucketOf(next)}');
     create or replace trigger event_is_never_emptied before truncate on ${name}
       for each statement execute function refuse_change()`,
  )
}

async function requireDurable(client: pg.Client, log: Logger): Promise<void> {
  const { rows } = await client.query(
    `select current_setting('server_version_num')::int as version, current_setting('fsync') as fsync,
      current_setting('full_page_writes') as pages, current_setting('synchronous_commit') as commits`,
  )
  const { version, fsync, pages, commits } = rows[0]
  if (version < oldestVersion) throw new TypeError('PostgreSQL 15 or newer is needed')
  if (fsync === 'off' || pages === 'off')
    throw new TypeError('the server runs with fsync or full_page_writes off and would lose the log')
  if (commits === 'off')
    log.warn('synchronous_commit is off: a crash of the database loses what was acknowledged last')
}

/** However long another node lays out the log, or `move-log` fills it. */
async function lockSetup(client: pg.Client, log: Logger): Promise<void> {
  const { rows } = await client.query(`select pg_try_advisory_xact_lock(${setupLock}) as is_ours`)
  if (rows[0].is_ours) return
  log.warn('another process is setting up the database, waiting until it has ended')
  const text = `select pg_advisory_xact_lock(${setupLock})`
  await client.query('set local lock_timeout = 0')
  await client.query({ text, query_timeout: migrationLimitMs } as pg.QueryConfig)
  await client.query('set local lock_timeout to default')
}

async function migrate(client: pg.Client, folder: string): Promise<void> {
  await client.query(createMigrationTable)
  const { rows } = await client.query(knownMigrations)
  for (const { name, checksum, sql } of pendingMigrations(folder, rows)) {
    await client.query({ text: sql, query_timeout: migrationLimitMs } as pg.QueryConfig)
    await client.query('insert into migration values ($1, $2)', [name, checksum])
  }
}

async function mayUseRole(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(
    `select rolsuper or rolcreaterole as may_create,
      exists (select from pg_roles where rolname = $1) as is_there from pg_roles where rolname = current_user`,
    [appRole],
  )
  if (!rows[0].is_there && !rows[0].may_create) return false
  if (!rows[0].is_there)
    await client.query(`create role ${appRole} nologin; grant ${appRole} to current_user`)
  const { rows: found } = await client.query(`select pg_has_role($1, 'member') as is_member`, [
    appRole,
  ])
  return found[0].is_member
}

async function grantToRole(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    `select quote_ident(relname) as name from pg_class where relnamespace = current_schema()::regnamespace
      and relkind in ('r', 'p') and not relispartition and relname <> 'migration'`,
  )
  const all = rows.map(({ name }) => name).join(', ')
  await client.query(
    `revoke all on ${all} from ${appRole}; grant select, insert on ${all} to ${appRole};
     grant update on ${updatable.join(', ')} to ${appRole};
     grant delete on event to ${appRole}`,
  )
}

/** The server's sentence. It names user and database, never the password. */
function sayWhy(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return [code, message || 'the database does not answer'].filter(Boolean).join(' ')
}
