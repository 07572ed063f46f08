/** What a list is, whatever index it walks; each engine's test calls it. */
import type { EventType, RecordedEvent } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { append, event } from './conformance-events.ts'
import type { EventFilter, EventStore, NewEvent } from './event-store.ts'
import type { EntryPage } from './evidence-log.ts'
import type { Wanted } from './list-filters.fixture.ts'
import { cast, fill, manyAppends } from './many-events.fixture.ts'

/** @param open a new, empty store; the caller closes and removes it */
export function describeLists(open: () => Promise<EventStore>): void {
  test('page by page a filter gives exactly what fits it, newest first, whatever order the times have, and nothing of another customer', async () => {
    const store = await open()
    const people = cast()
    const others = { ...cast(), places: people.places }
    for (const one of [people, others]) await fill(store, manyAppends(one, 3_000))
    const all = (await store.readTenant(people.tenantId, 0, 1_000_000)).toReversed()
    const place = people.places[4]
    const some = (value: object) => fc.constantFrom({}, value)
    const times = fc.date({
      ...{ min: new Date('2025-10-30'), max: new Date('2026-11-05'), noInvalidDate: true },
    })
    const types: EventType[][] = [
      ['UserSignedIn'],
      ['SessionOpened', 'CommandIssued', 'AgentRevoked'],
      ['AgentRevoked'],
    ]
    const wanted = fc
      .tuple(
        some({ installationId: place?.installationId }),
        some({ installationIds: people.places.slice(0, 2).map((one) => one.installationId) }),
        some({ deviceId: place?.deviceId }),
        some({ actorId: people.users[1] }),
        fc.constantFrom({}, ...types.map((one) => ({ types: one }))),
        fc.oneof(
          fc.constant({}),
          times.map((from) => ({ from: from.toISOString() })),
        ),
        fc.oneof(
          fc.constant({}),
          times.map((to) => ({ to: to.toISOString() })),
        ),
      )
      .map((parts): Wanted => Object.assign({}, ...parts))
    const sizes = fc.record({
      limit: fc.integer({ min: 40, max: 200 }),
      reach: fc.constantFrom(undefined, 60, 250),
    })
    await fc.assert(
      fc.asyncProperty(wanted, sizes, async (filter, { limit, reach }) => {
        const asked = { tenantId: people.tenantId, ...filter, limit }
        const seen = (await pagesOf(store, asked, reach)).flat()
        const fitting = all.filter((event) => fits(event, filter))
        expect(seen).toEqual(fitting.map(({ position }) => position))
        const entries = (await entryPagesOf(store, asked, reach)).flat()
        expect(entries).toEqual(seen.toReversed())
      }),
      { numRuns: 100 },
    )
  }, 60_000)
  describeReach(open)
  describeBusyCustomer(open)
}

function describeReach(open: () => Promise<EventStore>): void {
  test('a page looks at so many events and no more, full or not, and the next goes on there', async () => {
    const store = await open()
    const tenantId = newId()
    const actor: NewEvent['actor'] = { type: 'user', id: newId() }
    const common = event({ actor })
    const data = { userId: newId(), clientIp: '192.0.2.1' }
    const rare = { ...common, type: 'UserSignedIn', data } as NewEvent
    for (const one of [rare, common, common, rare, common, common, common, common])
      await store.append(append({ tenantId, events: [one] }))
    const filter = { tenantId, actorId: actor.id, types: [rare.type] }
    const looked = await pagesOf(store, { ...filter, limit: 9 }, 3)
    expect(looked).toEqual([[], [4], [1]])
    const entries = await entryPagesOf(store, { ...filter, limit: 9 }, 3)
    expect(entries).toEqual([[1], [4], []])
  })
}

function describeBusyCustomer(open: () => Promise<EventStore>): void {
  test('a customer who asks for more than 32 pages at once is NODE_BUSY, others are not, nor is that customer afterwards', async () => {
    const store = await open()
    const [many, few] = [append(), append()]
    for (const one of [many, few]) await store.append(one)
    const ask = ({ tenantId }: { tenantId: string }) => store.query({ tenantId, limit: 1 })
    const asked = Array.from({ length: 33 }, () => ask(many))
    const [other, ...all] = await Promise.allSettled([ask(few), ...asked])
    expect(other?.status).toBe('fulfilled')
    const refused = all.filter(({ status }) => status === 'rejected')
    const busy = expect.objectContaining({ code: 'NODE_BUSY' })
    expect(refused).toEqual([{ status: 'rejected', reason: busy }])
    expect((await ask(many)).items).toHaveLength(1)
  })

  test('who has patience gets page after page, though others of that customer ask without end', async () => {
    const store = await open()
    const { tenantId } = append()
    await store.append(append({ tenantId }))
    let isOver = false
    let refused = 0
    const afterRefusal = () => {
      refused += 1
      return new Promise(setImmediate)
    }
    const asking = Array.from({ length: 40 }, async () => {
      while (!isOver) await store.query({ tenantId, limit: 1 }).catch(afterRefusal)
    })
    const { signal } = new AbortController()
    for (let turn = 0; turn < 20 || refused === 0; turn += 1)
      expect((await store.query({ tenantId, limit: 1 }, undefined, signal)).items).toHaveLength(1)
    isOver = true
    await Promise.all(asking)
  })
}

async function pagesOf(
  store: EventStore,
  filter: EventFilter,
  reach?: number,
): Promise<number[][]> {
  const seen: number[][] = []
  let cursor: string | undefined
  do {
    const page = await store.query(cursor === undefined ? filter : { ...filter, cursor }, reach)
    seen.push(page.items.map(({ position }) => position))
    cursor = page.nextCursor
  } while (cursor)
  return seen
}

/** Upwards. */
async function entryPagesOf(
  store: EventStore,
  { limit, ...filter }: EventFilter,
  reach?: number,
): Promise<number[][]> {
  const seen: number[][] = []
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: EntryPage = await store.evidence.readEntries(filter, { after, limit }, reach)
    seen.push(page.items.map(({ position }) => position))
    after = page.next
  }
  return seen
}

function fits(event: RecordedEvent, wanted: Wanted): boolean {
  const { installationId, installationIds, actorId, deviceId, types, from, to } = wanted
  const is = <T>(one: T | undefined, other: T | undefined) => one === undefined || one === other
  return (
    is(installationId, event.installationId) &&
    is(deviceId, event.deviceId) &&
    is(actorId, event.actor.id) &&
    (installationIds === undefined || installationIds.includes(event.installationId ?? '')) &&
    (types === undefined || types.includes(event.type)) &&
    (from === undefined || event.at >= new Date(from).toISOString()) &&
    (to === undefined || event.at <= new Date(to).toISOString())
  )
}
