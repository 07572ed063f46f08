/** The log on both engines: appends beside raw inserts of the same texts in the same batches, the answers' delay, pages. */
import { chmodSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { DatabaseSync } from 'node:sqlite'
import { newId } from '@travessia/schemas/ids'
import pg from 'pg'
import { pino } from 'pino'
import { append, event } from '../api/src/store/conformance-events.ts'
import type { EventStore } from '../api/src/store/event-store.ts'
import { type Cast, cast, fill, manyAppends } from '../api/src/store/many-events.fixture.ts'
import { startPostgres } from '../api/src/store/postgres.fixture.ts'
import { createPostgresStore } from '../api/src/store/postgres.ts'
import { createSqliteStore } from '../api/src/store/sqlite.ts'
import { figuresOf, medianOf, type Row, type RowPlace } from './rows.ts'

const batch = 64
const many = 200
const pageEvents = 50
const tenants = Array.from({ length: 10 }, newId)
const actor = { type: 'user', id: newId() } as const
const text = JSON.stringify({ ...event(), ...append(), events: undefined })

type Engine = {
  readonly store: EventStore
  /** One transaction of `batch` texts into a table of one column. */
  readonly insertRaw: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Without a log for the pages where `events` is 0. */
export async function store({ directory, isQuick, events }: RowPlace): Promise<Row> {
  mkdirSync(directory)
  const pace = isQuick ? { rounds: 1, ms: 300 } : { rounds: 5, ms: 2_000 }
  const row: Record<string, number> = {}
  for (const [name, open] of [
    ['sqlite', openSqlite],
    ['postgres', openPostgres],
  ] as const) {
    const engine = await open(directory)
    try {
      const figures = { ...(await appends(engine, pace)), ...(await pages(engine.store, events)) }
      for (const [figure, value] of Object.entries(figures)) row[`${name}${figure}`] = value
    } finally {
      await engine.close()
    }
  }
  return row
}

/** Both ways in turns within a round; the ratio is taken within it. */
async function appends({ store, insertRaw }: Engine, pace: { rounds: number; ms: number }) {
  const [ones, sixtyFours, raws, ratios]: number[][] = [[], [], [], []]
  await produce(store, { producers: batch, ms: pace.ms })
  let acks: number[] = []
  for (let round = 0; round < pace.rounds; round += 1) {
    ones?.push((await produce(store, { producers: 1, ms: pace.ms / 2 })).perSecond)
    const own = await produce(store, { producers: batch, ms: pace.ms })
    const raw = await inserted(insertRaw, pace.ms)
    acks = acks.concat(own.acks)
    sixtyFours?.push(own.perSecond)
    raws?.push(raw)
    ratios?.push(own.perSecond / raw)
  }
  const lag = monitorEventLoopDelay({ resolution: 5 })
  lag.enable()
  const most = await produce(store, { producers: many, ms: pace.ms })
  lag.disable()
  const { p50, p99 } = figuresOf(acks)
  return {
    OneProducerPerSecond: medianOf(ones ?? []),
    ManyProducersPerSecond: medianOf(sixtyFours ?? []),
    RawPerSecond: medianOf(raws ?? []),
    OfRaw: medianOf(ratios ?? []),
    AckP50Ms: p50,
    AckP99Ms: p99,
    MostProducersPerSecond: most.perSecond,
    LoopLagP99Ms: lag.percentile(99) / 1e6,
  }
}

/** Each producer waits for its answer before it appends again: to a stream of its own, that of one of ten tenants. */
async function produce(store: EventStore, { producers, ms }: { producers: number; ms: number }) {
  const acks: number[] = []
  const begun = performance.now()
  const produceOne = async (_: unknown, producer: number) => {
    const place = { tenantId: tenants[producer % tenants.length] ?? '', streamId: newId() }
    while (performance.now() - begun < ms) {
      const asked = performance.now()
      await store.append(append({ ...place, events: [event({ actor, deviceId: place.streamId })] }))
      acks.push(performance.now() - asked)
    }
  }
  await Promise.all(Array.from({ length: producers }, produceOne))
  return { acks, perSecond: (acks.length * 1000) / (performance.now() - begun) }
}

async function inserted(insertRaw: () => Promise<void>, ms: number): Promise<number> {
  const begun = performance.now()
  let count = 0
  for (; performance.now() - begun < ms; count += batch) await insertRaw()
  return (count * 1000) / (performance.now() - begun)
}

/** Lists as people read them, at random places of a log of so many events. */
async function pages(store: EventStore, events: number): Promise<Record<string, number>> {
  const people = cast()
  await fill(store, manyAppends(people, events))
  const head = await store.head()
  const times: number[] = []
  for (let turn = 0; turn < 400; turn += 1) {
    const filter = filterOf(people, turn)
    const cursor = turn % 2 === 0 ? {} : { cursor: String(1 + ((turn * 7_919) % head)) }
    const asked = performance.now()
    await store.query({ tenantId: people.tenantId, limit: pageEvents, ...filter, ...cursor })
    times.push(performance.now() - asked)
  }
  const { p50, p95 } = figuresOf(times)
  return { PageP50Ms: p50, PageP95Ms: p95 }
}

function filterOf({ users, places }: Cast, turn: number) {
  const place = places[turn % places.length]
  const day = new Date(Date.UTC(2026, turn % 10, 1 + (turn % 27)))
  const filters = [
    {},
    { actorId: users[turn % users.length] ?? '' },
    { deviceId: place?.deviceId ?? '' },
    { installationIds: [place?.installationId ?? ''] },
    { from: day.toISOString(), to: new Date(day.getTime() + 7 * 24 * 3_600_000).toISOString() },
  ]
  return filters[turn % filters.length]
}

async function openSqlite(directory: string): Promise<Engine> {
  const store = await createSqliteStore(join(directory, 'events.db'))
  const raw = new DatabaseSync(join(directory, 'raw.db'))
  raw.exec('pragma journal_mode = wal; pragma synchronous = full; create table raw(body text)')
  const insert = raw.prepare('insert into raw values (?)')
  return {
    store,
    async insertRaw() {
      raw.exec('begin immediate')
      for (let i = 0; i < batch; i += 1) insert.run(text)
      raw.exec('commit')
    },
    async close() {
      await store.close()
      raw.close()
    },
  }
}

async function openPostgres(directory: string): Promise<Engine> {
  // The server runs as nobody and must get to its folder.
  for (const folder of [dirname(directory), directory]) chmodSync(folder, 0o755)
  const server = await startPostgres(directory)
  const url = await server.newDatabase()
  const store = await createPostgresStore(url, pino({ level: 'silent' }))
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('create table raw(body text)')
  const texts = Array.from({ length: batch }, () => text)
  const values = { name: 'raw', text: 'insert into raw select unnest($1::text[])', values: [texts] }
  return {
    store,
    async insertRaw() {
      await client.query(values)
    },
    async close() {
      await client.end()
      await store.close()
      await server.remove()
    },
  }
}
