import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { EventStore } from './event-store.ts'
import { filters, id, keysOf, keysOfEntries, type Wanted } from './list-filters.fixture.ts'
import { cast, fill, manyAppends } from './many-events.fixture.ts'
import { type PostgresServer, startPostgres } from './postgres.fixture.ts'
import { createPostgresStore } from './postgres.ts'
import { Connection } from './postgres-connection.ts'
import { PostgresReader } from './postgres-reader.ts'
import { appRole } from './postgres-setup.ts'
import { writerStatements } from './postgres-statements.ts'
import {
  entriesQuery,
  entriesStopOf,
  evidenceStatements,
  leavesQuery,
  queriesOf,
  statements,
  stopsOf,
  streamValues,
  tenantQuery,
} from './query.ts'
import type { Row } from './rows.ts'
import { postgresWalker, type Query } from './walk.ts'

type Node = {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Cond'?: string
  readonly Plans?: readonly Node[]
}

/** Nothing is to be had from statistics: there are none, or they are of another log. */
const states = ['never analyzed', 'analyzed while empty', 'analyzed with one customer'] as const
const months = ['2025-01', '2025-02']
const page = { after: 0, limit: 500 }
const log = pino({ level: 'silent' })
let server: PostgresServer
let reader: PostgresReader | undefined
const databases = new Map<(typeof states)[number], string>()

beforeAll(async () => {
  server = await startPostgres()
  for (const state of states) {
    const name = state.replaceAll(' ', '_')
    await server.run(`create database ${name}`)
    const url = server.url(name)
    const store = await createPostgresStore(url, log)
    await addMonths(url)
    if (state === 'analyzed while empty') await server.run('analyze', url)
    await fillFor(store, state === 'analyzed with one customer' ? 2_000 : 500)
    if (state === 'analyzed with one customer') await server.run('analyze', url)
    await fillFor(store, 200)
    await store.close()
    databases.set(state, name)
  }
})
afterEach(async () => {
  await reader?.close()
  reader = undefined
})
afterAll(() => server?.remove())

async function addMonths(url: string): Promise<void> {
  for (const [turn, month] of months.entries())
    await server.run(
      `create table event_${turn} partition of event for values from ('${month}-01') to ('${month}-28')`,
      url,
    )
}

async function fillFor(store: EventStore, events: number): Promise<void> {
  await fill(store, manyAppends(cast(), events))
}

async function copyOf(state: (typeof states)[number]): Promise<string> {
  return server.newDatabase(databases.get(state))
}

/** As the node reads: in its role, so behind the fence between customers. */
async function nodesOf({ sql, values }: Query): Promise<Node[]> {
  const rows = (await reader?.rows(newId(), `explain (format json) ${sql}`, values)) ?? []
  return nodesIn(rows)
}

function nodesIn(rows: readonly Row[]): Node[] {
  const plans = rows.flatMap((row) => row['QUERY PLAN'] as Array<{ Plan: Node }>)
  const all = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(all)]
  return plans.flatMap(({ Plan }) => all(Plan))
}

/** What is read of a table, by an index of it; and in its order. */
async function walkOf(query: Query, tables = /^event_(\d|\d{4}_\d\d)$/): Promise<Node[]> {
  const nodes = await nodesOf(query)
  for (const { 'Node Type': type } of nodes)
    expect(type).not.toMatch(/Seq Scan|Sort|Hash Join|Bitmap/)
  const reads = nodes.filter(({ 'Relation Name': name }) => tables.test(name ?? ''))
  expect(reads).not.toHaveLength(0)
  for (const { 'Node Type': type } of reads) expect(type).toMatch(/^Index (Only )?Scan$/)
  return reads
}

async function requireLists(wanted: Wanted): Promise<void> {
  const filter = { tenantId: id, ...wanted }
  for (const query of queriesOf({ ...filter, limit: 50 }, postgresWalker))
    await requireBounds(query, keysOf(wanted, postgresWalker.typed))
  const keys = keysOf(wanted, postgresWalker.typed)
  // The fence asks for the customer, whom the index of a device's types does not say.
  const only = keys[0] === 'tenant_key' ? 'Index Only Scan' : 'Index Scan'
  for (const query of stopsOf({ ...filter, limit: 50 }, postgresWalker, 100))
    for (const { 'Node Type': type } of await requireBounds(query, keys)) expect(type).toBe(only)
  const entryKeys = keysOfEntries(wanted)
  await requireBounds(entriesQuery(filter, page, postgresWalker), entryKeys)
  const stop = entriesStopOf(filter, page, postgresWalker)
  for (const { 'Node Type': type } of stop ? await requireBounds(stop, entryKeys) : [])
    expect(type).toBe('Index Only Scan')
}

/** It begins at its place, and ends at it: of a row that is compared only the beginning counts. */
async function requireBounds(query: Query, [key, column]: readonly string[]): Promise<Node[]> {
  const isNewestFirst = query.sql.includes('position desc')
  const [begin, end] = isNewestFirst ? ['<', '>'] : ['>', '<']
  const marks = column
    ? [`(ROW(${column}, "position") ${begin} ROW(`, `(${column} ${end}= `, `("position" ${end} `]
    : ['("position" > ', '("position" < ']
  const reads = await walkOf(query)
  for (const { 'Index Cond': bounds = '' } of reads)
    for (const mark of [`(${key} = ANY (ARRAY[`, ...marks]) expect(bounds).toContain(mark)
  return reads
}

async function requireReadings(): Promise<void> {
  const { newest, over, expired } = evidenceStatements
  const { stream, all } = statements
  await walkOf(tenantQuery(id, page, postgresWalker))
  await walkOf({ sql: stream, values: streamValues(id, id) })
  await walkOf({ sql: all, values: [0, 500] })
  const leaves = await walkOf(leavesQuery(id, page, postgresWalker), /^event_\d|^expired_leaf/)
  for (const { 'Index Cond': bounds } of leaves) expect(bounds).toMatch(/ANY .* \("position" > /)
  await walkOf({ sql: newest, values: [id] }, /checkpoint/)
  await walkOf({ sql: over, values: [id, 1] }, /checkpoint/)
  await walkOf({ sql: expired, values: [id, 0, 500] }, /expired_leaf/)
}

test.each(states)(
  'every list walks the index of its narrowest key between its bounds, in order, %s: no scan, no sorting',
  async (state) => {
    reader = new PostgresReader({ url: await copyOf(state), role: appRole })
    for (const [what, wanted] of filters)
      await expect(requireLists(wanted), what).resolves.toBeUndefined()
    await requireReadings()
  },
)

test('what the writer asks before a batch it finds by index, however long the log is', async () => {
  const url = await copyOf('analyzed with one customer')
  const connection = new Connection({ url, role: appRole }, () => undefined)
  const client = await connection.open()
  const keys = Array.from({ length: 64 }, (_, n) => n)
  for (const [name, values] of [
    ['streams', [keys, keys]],
    ['tenants', [keys]],
    ['refs', [keys.map(() => newId())]],
    ['standing', [1, 0, 10]],
    ['at', [1]],
    ['kept', [keys, keys]],
  ] as const) {
    const { rows } = await client.query(`explain (format json) ${writerStatements[name]}`, [
      ...values,
    ])
    for (const { 'Node Type': type } of nodesIn(rows))
      expect(type, name).not.toMatch(/Seq Scan|Hash Join|Merge Join/)
  }
  connection.close(client)
})

test.each([
  ...['event_tenant', 'event_installation', 'event_actor', 'event_device', 'event_session'],
  ...['event_type', 'event_device_type'],
])('without %s the proof of the lists fails', async (index) => {
  const url = await copyOf('analyzed with one customer')
  await server.run(`drop index ${index}`, url)
  reader = new PostgresReader({ url, role: appRole })
  const proofs = await Promise.allSettled(filters.map(([, wanted]) => requireLists(wanted)))
  const failed = proofs.filter(({ status }) => status === 'rejected')
  expect(failed).not.toHaveLength(0)
  expect(failed).not.toHaveLength(filters.length)
})
