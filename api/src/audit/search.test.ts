import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EventFilter, EventPage, EventStore } from '../store/event-store.ts'
import { type Cast, cast, fill, manyAppends } from '../store/many-events.fixture.ts'
import { createSqliteStore } from '../store/sqlite.ts'
import { search } from './search.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-search-'))
let store: EventStore
let people: Cast

beforeAll(async () => {
  store = await createSqliteStore(join(directory, 'events.db'))
  people = cast()
  await fill(store, manyAppends(people, 4_000))
})
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true, force: true })
})

const short = { query: (filter: EventFilter) => store.query(filter, 20) }
const wanted = (limit: number): EventFilter => {
  const { tenantId, users } = people
  return { tenantId, limit, actorId: users[0] ?? '', types: ['SessionOpened'] }
}
const positions = ({ items }: EventPage) => items.map(({ position }) => position)

test('a page is filled from as many looks at the log as it takes', async () => {
  const [whole, page] = [await store.query(wanted(5)), await search(short, wanted(5), () => 0)]
  expect(positions(whole)).toHaveLength(5)
  expect(page).toEqual(whole)
})

test('after a second it is what was found by then, and the next goes on there', async () => {
  const all = positions(await store.query(wanted(2_000)))
  const seen: number[] = []
  let pages = 0
  let cursor: string | undefined
  do {
    let now = 0
    const late = () => (now += 400)
    const page = await search(short, { ...wanted(5), ...(cursor ? { cursor } : {}) }, late)
    seen.push(...positions(page))
    pages += 1
    cursor = page.nextCursor
  } while (cursor !== undefined)
  expect(seen).toEqual(all)
  expect(pages).toBeGreaterThan(Math.ceil(all.length / 5) + 5)
})

test('when the customer asks too much meanwhile, it is what was found by then', async () => {
  let asked = 0
  const busy = {
    async query(filter: EventFilter) {
      asked += 1
      if (asked > 1) throw new TravessiaError('NODE_BUSY')
      return store.query(filter, 20)
    },
  }
  const { nextCursor } = await search(busy, wanted(5), () => 0)
  expect(nextCursor).toMatch(/^\d+$/)
  asked = 1
  const refused = search(busy, wanted(5), () => 0)
  await expect(refused).rejects.toEqual(expect.objectContaining({ code: 'NODE_BUSY' }))
})
