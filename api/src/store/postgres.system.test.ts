import { newId } from '@travessia/schemas/ids'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { describeEventStore } from './conformance.ts'
import { append, event } from './conformance-events.ts'
import { describeEvidenceLog } from './conformance-evidence.ts'
import { describeInterleaving, requireDense } from './conformance-interleaving.ts'
import { describeLists } from './conformance-lists.ts'
import type { EventStore } from './event-store.ts'
import { type PostgresServer, startPostgres } from './postgres.fixture.ts'
import { createPostgresStore } from './postgres.ts'
import { PostgresReader } from './postgres-reader.ts'
import { appRole } from './postgres-setup.ts'
import { wholeLog } from './rows.ts'

const unavailable = expect.objectContaining({ code: 'STORE_UNAVAILABLE' })
const opened: EventStore[] = []
let warnings: string[] = []
const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) })
let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
  await server.run('create database migrated')
  await (await createPostgresStore(server.url('migrated'), log)).close()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close().catch(() => undefined)))
  warnings = []
})
afterAll(() => server?.remove())

async function open(url?: string): Promise<EventStore> {
  const store = await createPostgresStore(url ?? (await newLog()), log)
  opened.push(store)
  return store
}
const newLog = () => server.newDatabase('migrated')

/** Several statements on one connection. */
async function session(url: string, ...statements: string[]) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const sql of statements.slice(0, -1)) await client.query(sql)
    return (await client.query(statements.at(-1) ?? '')).rows
  } finally {
    await client.end()
  }
}

async function startProblem(url: string): Promise<unknown> {
  const error = await open(url).catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
  return (error as { details: { problems: string[] } }).details.problems.join()
}

describeEventStore(() => open())
describeEvidenceLog(() => open())
describeLists(() => open())
describeInterleaving(async () => {
  const url = await newLog()
  return Promise.all([open(url), open(url)])
})

test('a node hears of what another one appends, soon by NOTIFY, and by asking where that is lost', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const url = await newLog()
  const [one, other] = [await open(url), await open(url)]
  const heard: number[] = []
  other.onAppended((position) => heard.push(position))
  await one.append(append({ events: [event(), event()] }))
  // By turns: a poll would move the clock on.
  while (heard.length === 0) await new Promise(setImmediate)
  expect(heard).toEqual([2])
  await session(url, 'update log_head set next_position = 9')
  vi.advanceTimersByTime(500)
  await expect.poll(() => heard).toEqual([2, 8])
})

test('an event and a checkpoint are never changed and never removed, also by the owner, also in a partition', async () => {
  const url = await newLog()
  const store = await open(url)
  await store.append(append({ streamKind: 'session' }))
  await store.append(append())
  const root = Buffer.alloc(32)
  await store.evidence.keep([{ tenantId: newId(), size: 1, root, note: '', at: '2026' }])
  const partition = `event_${new Date().toISOString().slice(0, 7).replace('-', '_')}`
  for (const table of ['event', partition, 'event_0001_01', 'checkpoint']) {
    const key = table === 'checkpoint' ? 'size' : 'position'
    for (const sql of [
      `update ${table} set ${key} = 2`,
      `delete from ${table}`,
      `truncate ${table}`,
    ])
      await expect(session(url, sql), sql).rejects.toThrow('append only')
  }
})

test('an event whose text is not what was hashed is not read, and its place is told', async () => {
  const url = await newLog()
  const store = await open(url)
  const one = append({ events: [event(), event()] })
  const { tenantId } = one
  await store.append(one)
  await session(
    url,
    'alter table event disable trigger all',
    `update event set body = replace(body, 'SignedOut', 'Forged') where log_index = 1`,
  )
  const told: unknown[] = []
  store.evidence.onAltered((...place) => told.push(place))
  const types = ['UserSignedOut', 'EventAltered']
  const { items } = await store.query({ tenantId, limit: 10 })
  for (const events of [
    items.toReversed(),
    await store.readStream(tenantId, one.streamId),
    await store.readTenant(tenantId, 0, 10),
    await store.readAll(0, 10),
  ])
    expect(events.map(({ type }) => type)).toEqual(types)
  expect(told).toEqual(Array.from({ length: 4 }, () => [tenantId, 1]))
})

test('an event is told where lists do not find it any more, though its text is what was hashed', async () => {
  const url = await newLog()
  const store = await open(url)
  const places = { installationId: newId(), deviceId: newId(), sessionId: newId() }
  const changes = [
    ...['actor_key = 0', 'installation_key = 0', 'device_key = null', 'session_key = 0'],
    ...['stream_key = 0', 'type_key = 0', 'version = 99', 'at = 1', 'at = 9223372036854775807'],
  ]
  const events = changes.map(() => event(places))
  const one = append({ events: [...events, event()] })
  await store.append(one)
  const alteredAt = (index: number) =>
    store.evidence.firstAltered(one.tenantId, { after: index, limit: 1 })
  expect(await store.evidence.firstAltered(one.tenantId, { after: 0, limit: 100 })).toBeUndefined()
  const updates = changes.map((set, index) => `update event set ${set} where log_index = ${index}`)
  await session(url, 'alter table event disable trigger all', ...updates)
  for (const [index, change] of changes.entries())
    expect(await alteredAt(index), change).toBe(index)
  expect(await alteredAt(changes.length)).toBeUndefined()
  await session(url, `update event_hour set last_position = ${changes.length}`)
  expect(await alteredAt(changes.length)).toBe(changes.length)
})

test('an event whose kept leaf is another one does not go, however that leaf came there', async () => {
  const url = await newLog()
  await (await open(url)).append(append())
  await session(
    url,
    'alter table expired_leaf disable trigger expired_leaf_is_said_by_a_fact',
    `insert into expired_leaf select tenant_key, position, log_index, '\\x00', 1 from event`,
  )
  await expect(session(url, 'delete from event')).rejects.toThrow('append only')
})

test('the node writes as its role only, whoever its user is', async () => {
  const url = await newLog()
  const store = await open(url)
  await session(
    url,
    `create function no() returns trigger language plpgsql as $$ begin
      if current_user <> '${appRole}' then raise 'not the role'; end if; return new; end $$`,
    'create trigger who before insert on event for each row execute function no()',
  )
  await store.append(append())
  await expect(session(url, 'insert into event select * from event')).rejects.toThrow('the role')
})

test('the role of the node may add, and neither change nor remove, nor reach behind the fence', async () => {
  const url = await newLog()
  await (await open(url)).append(append())
  const partition = `event_${new Date().toISOString().slice(0, 7).replace('-', '_')}`
  for (const sql of [
    ...['update event set type_key = 1', 'truncate event', 'drop table event'],
    ...['delete from checkpoint', 'delete from ref', `select * from ${partition}`],
    ...["insert into migration values ('x', 'x')", 'alter table event disable trigger all'],
  ])
    await expect(session(url, `set role ${appRole}`, sql), sql).rejects.toThrow(
      /permission denied|must be owner/,
    )
  const all = `select set_config('travessia.tenant', 'all', false)`
  for (const [sql, said] of [
    ['delete from event', 'append only'],
    ['delete from expired_leaf', 'permission denied'],
  ] as const)
    await expect(session(url, `set role ${appRole}`, all, sql), sql).rejects.toThrow(said)
})

test('row level security shows one tenant only, though the query asks for all; and nothing to who names none', async () => {
  const url = await newLog()
  const store = await open(url)
  const [a, b] = [newId(), newId()]
  for (const tenantId of [a, b, a]) {
    await store.append(append({ tenantId }))
    const root = Buffer.alloc(32)
    await store.evidence.keep([{ tenantId, size: 1, root, note: tenantId, at: '2026' }])
  }
  const seen = async (table: string, tenant: string) => {
    const named = `select set_config('travessia.tenant', '${tenant}', false)`
    const rows = await session(url, `set role ${appRole}`, named, `select * from ${table}`)
    return rows.length
  }
  const reader = new PostgresReader({ url, role: appRole })
  for (const [tenant, count] of [
    ...([
      [a, 2],
      [b, 1],
      [a, 2],
      [wholeLog, 3],
    ] as const),
  ])
    expect(await reader.rows(tenant, 'select * from event', [])).toHaveLength(count)
  await reader.close()
  for (const [table, ofA, ofAll] of [
    ['event', 2, 3],
    ['checkpoint', 1, 2],
    ['event_hour', 1, 2],
  ] as const) {
    expect(await seen(table, a), table).toBe(ofA)
    expect(await seen(table, 'all'), table).toBe(ofAll)
    expect(await seen(table, newId()), table).toBe(0)
    expect(await session(url, `set role ${appRole}`, `select * from ${table}`)).toEqual([])
  }
})

test('a user who may not create roles gets a warning, the triggers, and the fence between tenants all the same', async () => {
  await server.run('create role plain login')
  await server.run('create database plain owner plain')
  const url = server.url('plain', 'plain')
  const store = await open(url)
  const one = append()
  await store.append(one)
  expect(await store.readStream(one.tenantId, one.streamId)).toHaveLength(1)
  expect(warnings.join()).toContain('only triggers keep the log append-only')
  expect(await session(url, 'select * from event')).toEqual([])
  await expect(session(url, 'truncate event')).rejects.toThrow('append only')
})

test('a server that would lose what was acknowledged is refused, or warned of where only a crash of it would', async () => {
  const url = await newLog()
  for (const setting of ['fsync', 'full_page_writes']) {
    await server.run(`alter system set ${setting} = off`)
    await server.run('select pg_reload_conf()')
    await expect.poll(() => startProblem(url)).toContain('would lose the log')
    await server.run(`alter system reset ${setting}`)
    await server.run('select pg_reload_conf()')
    await expect.poll(() => server.run(`show ${setting}`)).toEqual([{ [setting]: 'on' }])
  }
  await open(url)
  expect(warnings).toEqual([])
  await server.run(`alter database ${url.split(/[/?]/)[3]} set synchronous_commit = off`)
  await open(url)
  expect(warnings.join()).toContain('synchronous_commit is off')
})

test('drifted migrations are refused; two nodes that start at once on an empty database wait for each other', async () => {
  const url = await server.newDatabase()
  const [one] = await Promise.all([open(url), open(url)])
  expect(await one.append(append())).toEqual({ position: 1, version: 1 })
  await session(url, "update migration set checksum = 'x' where name = '0001.sql'")
  expect(await startProblem(url)).toContain('0001.sql was changed')
  await session(url, "update migration set name = '9999.sql' where name = '0001.sql'")
  expect(await startProblem(url)).toContain('9999.sql is of a newer version')
})

test('what is wrong with the address is said without its password', async () => {
  const wrong = `postgresql://travessia:canary-secret@/x?host=${server.directory}/nowhere`
  for (const url of [wrong, 'postgresql://travessia:canary-secret@127.0.0.1:1/x']) {
    const error = await open(url).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    log.warn({ err: error }, 'start')
    expect(warnings.join()).toContain('TRAVESSIA_DATABASE_URL')
    expect(warnings.join()).not.toContain('canary-secret')
  }
})

test('what the engine refuses of one append does not cost the others of its batch', async () => {
  const url = await newLog()
  const store = await open(url)
  await session(
    url,
    `create function no() returns trigger language plpgsql as $$ begin raise 'no'; end $$`,
    `create trigger broken before insert on event for each row when (new.body like '%unlucky%') execute function no()`,
  )
  const unlucky = append({ events: [event(), event({ correlationId: 'unlucky' })] })
  const results = await Promise.allSettled(
    [append(), unlucky, append()].map((one) => store.append(one)),
  )
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(results[1]).toMatchObject({ reason: unavailable })
  requireDense(await store.readAll(0, 10))
  expect(await store.head()).toBe(2)
})

test('a month that has no partition yet gets one when its first stream opens', async () => {
  const url = await newLog()
  const store = await open(url)
  await session(url, `drop table event_${new Date().toISOString().slice(0, 7).replace('-', '_')}`)
  await store.append(append({ streamKind: 'session' }))
  expect(await store.head()).toBe(1)
})

test('a writer that has seen more ids than it keeps in mind goes on with the right ones', async () => {
  const store = await open()
  const [tenantId, streamId] = [newId(), newId()]
  const many = 100 * 500 + 1
  const events = (count: number) => Array.from({ length: count }, () => event())
  await store.append(append({ tenantId, streamId, events: events(1) }))
  for (let made = 1; made < many; made += 500)
    await store.append(append({ tenantId, streamId, events: events(500) }))
  await store.append(append({ tenantId, streamId, events: events(1) }))
  expect(await store.readTenant(tenantId, many, 10)).toHaveLength(1)
}, 120_000)

test('two writers in turns, one of which knows where its streams stood, write one after the other and lose nothing', async () => {
  const url = await newLog()
  const [one, other] = [await open(url), await open(url)]
  const place = { tenantId: newId(), streamId: newId() }
  for (let turn = 0; turn < 6; turn += 1)
    for (const [store, times] of [
      [one, 2],
      [other, 1],
    ] as const)
      for (let time = 0; time < times; time += 1) await store.append(append(place))
  const events = await one.readStream(place.tenantId, place.streamId)
  expect(events.map(({ version }) => version)).toEqual(Array.from({ length: 18 }, (_, i) => i + 1))
  requireDense(await one.readAll(0, 100))
  const late = one.append(append({ ...place, expected: 17 }))
  await expect(late).rejects.toEqual(expect.objectContaining({ code: 'CONFLICT' }))
})

test('a writer that another one has overtaken takes no position twice, though their streams opened in different months', async () => {
  const url = await newLog()
  const [one, other] = [await open(url), await open(url)]
  const [mine, older] = [append(), append()]
  for (const some of [older, mine, mine]) await one.append(some)
  const month = "'2025-01-01'"
  await session(
    url,
    `create table event_2025_01 partition of event for values from (${month}) to ('2025-02-01')`,
    `update stream set bucket = ${month} where stream_key = (select key from ref where id = '${older.streamId}')`,
  )
  await other.append(older)
  await one.append(mine)
  requireDense(await one.readAll(0, 10))
  expect(await one.head()).toBe(5)
})
