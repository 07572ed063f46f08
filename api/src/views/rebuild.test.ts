import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { pino } from 'pino'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import type { EventStore } from '../store/event-store.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { fact } from './random-facts.fixture.ts'
import { rebuildViews } from './rebuild.ts'
import { Views } from './views.ts'

const log = pino({ level: 'silent' })
const directory = mkdtempSync(join(tmpdir(), 'travessia-rebuild-'))
let files = 0
let store: EventStore
let path: string

beforeEach(async () => {
  files += 1
  store = await createSqliteStore(join(directory, `${files}-events.db`))
  path = join(directory, `${files}-views.db`)
  for (const append of fc.sample(fact, { numRuns: 300, seed: 5 })) await store.append(append)
})
afterEach(() => store.close())
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function follow(): Promise<void> {
  const views = new Views({ store, path, log })
  await views.start()
  await views.stop()
}

test('views that followed the log are what a rebuild makes of it', async () => {
  await follow()
  const rebuilt = await rebuildViews({ store, path, log })
  expect(rebuilt).toMatchObject({ position: 300, differences: [] })
  expect(rebuilt.tables).toBeGreaterThan(10)
})

test('a row that was changed, added or removed is told with its table, and mended', async () => {
  await follow()
  const database = new DatabaseSync(path)
  database.exec("update installation set name = 'X' where id = (select min(id) from installation)")
  database.exec("insert into member values ('u', 't', 'admin', null, 0)")
  database.exec('delete from device')
  database.close()
  const { differences } = await rebuildViews({ store, path, log })
  expect(differences.map((line) => line.split(' that the log')[0])).toEqual([
    ...['device: 0 rows', 'installation: 1 rows', 'member: 1 rows'],
  ])
  expect((await rebuildViews({ store, path, log })).differences).toEqual([])
})

test('while a node uses the views they are left alone', async () => {
  const views = new Views({ store, path, log })
  await views.start()
  await expect(rebuildViews({ store, path, log })).rejects.toThrow('a node is using')
  await views.stop()
  await rebuildViews({ store, path, log })
})

test('views that were lost are made, and that is no difference', async () => {
  expect((await rebuildViews({ store, path, log })).differences).toEqual([])
})
