/** The log on both engines: appends, pages as people read them, its size, its return after a kill, its proof. */
import { mkdirSync } from 'node:fs'
import type { EventStore } from '../api/src/store/event-store.ts'
import { type Cast, cast, fill, manyAppends } from '../api/src/store/many-events.fixture.ts'
import { figuresOf, type Row, type RowPlace } from './rows.ts'
import { appends } from './store-appends.ts'
import { type Engine, openEngine } from './store-engines.ts'
import { verified } from './store-evidence.ts'

const pageEvents = 50

export async function store({ directory, isQuick, events }: RowPlace): Promise<Row> {
  mkdirSync(directory)
  const pace = isQuick ? { rounds: 1, ms: 300 } : { rounds: 5, ms: 2_000 }
  const row: Record<string, number> = {}
  for (const name of ['sqlite', 'postgres'] as const) {
    const engine = await openEngine(name, directory)
    try {
      const figures = { ...(await appends(engine, pace)), ...(await filled(engine, events)) }
      for (const [figure, value] of Object.entries(figures)) row[`${name}${figure}`] = value
      if (name === 'sqlite')
        row['verifyPerSecond'] = await verified(engine.store, { directory, events })
    } finally {
      await engine.close()
    }
  }
  return row
}

/** With so many events of one customer more. */
async function filled(engine: Engine, events: number): Promise<Record<string, number>> {
  const people = cast()
  const before = await engine.bytes()
  const begun = performance.now()
  const made = await fill(engine.store, manyAppends(people, events))
  const fillPerSecond = (made * 1000) / (performance.now() - begun)
  const bytes = (await engine.bytes()) - before
  return {
    FillPerSecond: fillPerSecond,
    BytesPerEvent: bytes / made,
    BytesBesideText: bytes / made - (await textBytes(engine.store, people)),
    ...(await pages(engine.store, people)),
    ReopenMs: await engine.reopenAfterKill(),
  }
}

/** Of an event, on average of those that came first. */
async function textBytes({ evidence }: EventStore, { tenantId }: Cast): Promise<number> {
  const { items: entries } = await evidence.readEntries({ tenantId }, { after: 0, limit: 5_000 })
  const sizes = entries.map(({ text }) => Buffer.byteLength(text))
  return sizes.reduce((sum, size) => sum + size, 0) / sizes.length
}

/** Lists as people read them, at random places of the log. */
async function pages(store: EventStore, people: Cast): Promise<Record<string, number>> {
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
