import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { newId } from '@travessia/schemas/ids'
import fc from 'fast-check'
import { pino } from 'pino'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import type { EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { AgentsView } from './agents.ts'
import { DevicesView } from './devices.ts'
import { fact, tenantId } from './random-facts.fixture.ts'
import { Views } from './views.ts'

const log = pino({ level: 'silent' })
const directory = mkdtempSync(join(tmpdir(), 'travessia-views-'))
let files = 0
let store: EventStore

beforeEach(async () => {
  files += 1
  store = await createSqliteStore(join(directory, `${files}-events.db`))
})
afterEach(() => store.close())
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function start(path: string): Promise<Views> {
  const views = new Views({ store, path, log })
  await views.start()
  return views
}
function newPath(): string {
  files += 1
  return join(directory, `${files}-views.db`)
}

/** Every row of every table. */
function dump(path: string): Record<string, unknown[]> {
  const database = new DatabaseSync(path, { readOnly: true })
  const tables = database
    .prepare("select name from sqlite_master where type = 'table' order by name")
    .all()
  const rows = tables.map(({ name }) => [
    String(name),
    database.prepare(`select * from "${String(name)}" order by 1`).all(),
  ])
  database.close()
  return Object.fromEntries(rows)
}

test('views that followed the log live are the same as views rebuilt from zero', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fact, { minLength: 1, maxLength: 60 }), async (appends) => {
      const [livePath, laterPath] = [newPath(), newPath()]
      const live = await start(livePath)
      for (const append of appends) await live.until((await store.append(append)).position)
      const later = await start(laterPath)
      const [a, b] = [dump(livePath), dump(laterPath)]
      await Promise.all([live.stop(), later.stop()])
      expect(a).toEqual(b)
    }),
    { numRuns: 15 },
  )
}, 60_000)

test('rows that are remembered are those of the table, after every event', async () => {
  const about = fact.filter(({ streamKind }) => streamKind === 'device' || streamKind === 'agent')
  await fc.assert(
    fc.asyncProperty(fc.array(about, { minLength: 1, maxLength: 40 }), async (appends) => {
      const path = newPath()
      const live = await start(path)
      const database = new DatabaseSync(path)
      for (const append of appends) {
        await live.until((await store.append(append)).position)
        const [devices, agents] = [new DevicesView(database), new AgentsView(database)]
        const place = append.events[0]?.installationId ?? ''
        for (const tenant of [tenantId, newId()]) {
          const id = append.streamId
          expect(live.devices.get(tenant, id)).toEqual(devices.get(tenant, id))
          expect(live.agents.current(tenant, place)).toEqual(agents.current(tenant, place))
        }
      }
      database.close()
      await live.stop()
    }),
    { numRuns: 80 },
  )
}, 60_000)

async function fill(): Promise<void> {
  const appends = fc.sample(fact, { numRuns: 80, seed: 7 })
  for (const append of appends) await store.append(append)
}

test('a views file that was deleted or spoilt is filled again from the log', async () => {
  await fill()
  const path = newPath()
  const first = await start(path)
  const whole = dump(path)
  await first.stop()
  for (const spoil of [() => undefined, () => writeFileSync(path, 'x'.repeat(8_192))]) {
    for (const name of readdirSync(directory).filter((one) =>
      path.endsWith(one.replace(/-(wal|shm)$/, '')),
    ))
      rmSync(join(directory, name))
    spoil()
    const again = await start(path)
    expect(dump(path)).toEqual(whole)
    await again.stop()
  }
})

test('a crash between the log and the views is caught up at the next start, without doing anything twice', async () => {
  const path = newPath()
  const before = await start(path)
  await before.stop()
  await fill()
  const after = await start(path)
  const caughtUp = dump(path)
  await after.stop()
  const fresh = newPath()
  const rebuilt = await start(fresh)
  expect(caughtUp).toEqual(dump(fresh))
  await rebuilt.stop()
})

test('views that are ahead of the log (a restored backup) start over', async () => {
  const path = newPath()
  await fill()
  await (await start(path)).stop()
  const other = await createSqliteStore(newPath())
  const views = new Views({ store: other, path, log })
  await views.start()
  expect(Object.values(dump(path)).flat()).toEqual([{ position: 0 }])
  await views.stop()
  await other.close()
})

test('a file of an older version, whose tables had other columns, is filled again', async () => {
  const path = newPath()
  await fill()
  await (await start(path)).stop()
  const whole = dump(path)
  const older = new DatabaseSync(path)
  older.exec('drop table member; create table member(user text, tenant text, role text)')
  older.close()
  const again = await start(path)
  expect(dump(path)).toEqual(whole)
  await again.stop()
})

test('a batch that a view cannot take leaves neither rows nor checkpoint behind', async () => {
  const path = newPath()
  const said: unknown[] = []
  const told = pino({}, { write: (line) => said.push(JSON.parse(line)) })
  const views = new Views({ store, path, log: told })
  await views.start()
  const database = new DatabaseSync(path, { timeout: 5_000 })
  database.exec(
    "create trigger broken before delete on installation begin select raise(abort, 'no'); end",
  )
  const [one] = fc.sample(
    fact.filter(({ events }) => events[0]?.type === 'InstallationCreated'),
    1,
  )
  const [created] = one?.events ?? []
  if (!one || !created) throw new TypeError('no sample')
  const removed = { ...created, type: 'InstallationRemoved', data: {} } as const
  const { position } = await store.append({ ...one, events: [created, removed, created] })
  const rows = (table: string) => database.prepare(`select * from ${table}`).all()
  await expect.poll(() => said).toContainEqual(expect.objectContaining({ level: 50 }))
  expect([rows('checkpoint'), rows('installation')]).toEqual([[{ position: 0 }], []])
  database.exec('drop trigger broken')
  await views.until(position)
  expect(rows('checkpoint')).toEqual([{ position }])
  expect(rows('installation')).toHaveLength(1)
  database.close()
  await views.stop()
})

test('reading your own writes waits for them, and listeners hear of each batch once', async () => {
  const views = await start(newPath())
  const readAll = store.readAll.bind(store)
  /** As from a log elsewhere. */
  store.readAll = async (...page) => {
    await new Promise(setImmediate)
    return readAll(...page)
  }
  const heard: number[] = []
  const leave = views.onEvents((events) => heard.push(...events.map(({ position }) => position)))
  const appends = fc.sample(fact, 10)
  const positions = await Promise.all(appends.map((append) => store.append(append)))
  await Promise.all(positions.map(({ position }) => views.until(position)))
  await views.until(undefined)
  leave()
  expect(heard).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  await views.stop()
})
