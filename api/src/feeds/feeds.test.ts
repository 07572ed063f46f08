import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { append, event } from '../store/conformance-events.ts'
import { type Answer, CustomerFeeds, positionsOf, receiver, span } from './feeds.fixture.ts'
import { Feeds } from './feeds.ts'

let customer: CustomerFeeds
beforeEach(async () => {
  customer = await CustomerFeeds.start()
})
afterEach(() => customer.stop())

test('a webhook gets every event of its customer from its adding on, in order, each once, signed', async () => {
  await customer.write(3)
  const { url, taken } = await receiver()
  await customer.add(url, 'webhook')
  await customer.deps.store.append(append())
  await customer.write(250)
  await vi.waitFor(() => expect(positionsOf(taken)).toHaveLength(251), 10_000)
  expect(positionsOf(taken)).toEqual([4, ...span(6, 255)])
  for (const { headers, body } of taken) {
    const [id, time] = [headers['webhook-id'], headers['webhook-timestamp']]
    const mac = createHmac('sha256', Buffer.from(customer.secret.slice(6), 'base64'))
    mac.update(`${id}.${time}.${body}`)
    expect(headers['webhook-signature']).toBe(`v1,${mac.digest('base64')}`)
    expect(Math.abs(Number(time) - Date.now() / 1000)).toBeLessThan(30)
    expect(headers['content-type']).toContain('application/jsonl')
  }
  expect(new Set(taken.map(({ headers }) => headers['webhook-id'])).size).toBe(taken.length)
})

test('while its place cannot be written down a feed sends the batch again, and goes on when it can', async () => {
  const { url, taken } = await receiver()
  const id = await customer.add(url, 'webhook')
  await vi.waitFor(async () => expect((await customer.placeOf(id)).position).toBe(1), 10_000)
  customer.deps.database.exec('pragma query_only = on')
  const { tenantId, deps } = customer
  await deps.store.append(append({ tenantId, events: [event(), event()] }))
  await vi.waitFor(() => expect(taken.length).toBeGreaterThan(6), 10_000)
  expect(new Set(positionsOf(taken))).toEqual(new Set([1, 2, 3]))
  customer.deps.database.exec('pragma query_only = off')
  await vi.waitFor(
    async () => expect(await customer.placeOf(id)).toMatchObject({ position: 3, error: null }),
    10_000,
  )
  await customer.write(1)
  await vi.waitFor(() => expect(positionsOf(taken).at(-1)).toBeGreaterThan(3), 10_000)
})

test('a receiver that refuses, redirects, hangs and breaks off gets the same batch until it takes it; nothing is skipped', async () => {
  const other = await receiver()
  const faults: Answer[] = [
    (response) => response.writeHead(503).end(),
    (response) => response.writeHead(302, { location: other.url }).end(),
    () => undefined,
    (response) => response.destroy(),
    (response) => response.writeHead(410).end(),
    (response) => response.writeHead(503).end(),
  ]
  const { url, asked, taken } = await receiver((response, taken, count) =>
    (faults[count - 1] ?? ((last) => last.end()))(response, taken, count),
  )
  const id = await customer.add(url, 'webhook')
  await vi.waitFor(() => expect(taken.length).toBeGreaterThan(0), 10_000)
  const untilTaken = asked.slice(0, faults.length + 1)
  expect(new Set(untilTaken.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  expect(other.asked).toEqual([])
  await customer.write(2)
  await vi.waitFor(
    async () =>
      expect((await customer.placeOf(id)).position).toBe(await customer.deps.store.head()),
    10_000,
  )
  expect(positionsOf(taken)).toEqual(span(1, await customer.deps.store.head()))
  expect(await customer.placeOf(id)).toMatchObject({ failingSince: null, error: null })
  const said = await customer.deps.store.query({
    tenantId: customer.tenantId,
    types: ['AuditFeedFailing'],
    limit: 10,
  })
  expect(said.items.map(({ data }) => data)).toEqual([{ errorCode: 'FEED_REFUSED', position: 0 }])
})

test('a feed that fails says since when and why, and for how long it may', async () => {
  const id = await customer.add('http://127.0.0.1:1/', 'webhook')
  await expect
    .poll(() => customer.placeOf(id))
    .toMatchObject({
      ...{ position: 0, error: 'FEED_UNREACHABLE', deliveredAt: null },
      failingSince: expect.any(String),
    })
})

test('a stop breaks off what is on its way, and that is no failure', async () => {
  const { url, asked } = await receiver(() => undefined)
  await customer.feeds.stop()
  customer.feeds = new Feeds({ ...customer.deps, sendMs: 60_000 })
  await customer.feeds.start()
  const id = await customer.add(url, 'webhook')
  await vi.waitFor(() => expect(asked).toHaveLength(1), 10_000)
  await customer.feeds.stop()
  expect(await customer.placeOf(id)).toMatchObject({ error: null, failingSince: null })
})

test('a batch is of 256 KiB at most, or of one event', async () => {
  const { url, taken } = await receiver()
  const id = await customer.add(url, 'webhook')
  await vi.waitFor(async () => expect((await customer.placeOf(id)).position).toBe(1), 10_000)
  const { tenantId, deps } = customer
  const sizes = [100_000, 100_000, 100_000, 300_000]
  const events = sizes.map((size) => event({ correlationId: 'x'.repeat(size) }))
  await deps.store.append(append({ tenantId, events }))
  await vi.waitFor(async () => expect((await customer.placeOf(id)).position).toBe(5), 10_000)
  expect(taken.map((one) => positionsOf([one]))).toEqual([[1], [2, 3], [4], [5]])
})

test('a start goes on where each feed had come, and one that was suspended or removed sends nothing', async () => {
  const { url, taken } = await receiver()
  const id = await customer.add(url, 'webhook')
  await vi.waitFor(async () => expect((await customer.placeOf(id)).position).toBe(1), 10_000)
  await customer.feeds.stop()
  await customer.write(2)
  await customer.startAgain()
  await vi.waitFor(() => expect(positionsOf(taken)).toEqual([1, 2, 3]), 10_000)
  await customer.remove(id)
  await customer.write(2)
  await new Promise((done) => setTimeout(done, 600))
  // The word of the removal itself may have been on its way.
  expect(Math.max(...positionsOf(taken))).toBeLessThanOrEqual(4)
})

test('a log that was restored from a backup is sent from the adding of the feed on', async () => {
  const { url, taken } = await receiver()
  const id = await customer.add(url, 'webhook')
  await vi.waitFor(async () => expect((await customer.placeOf(id)).position).toBe(1), 10_000)
  await customer.feeds.stop()
  customer.deps.database.prepare('update feed_place set position = 999 where feed = ?').run(id)
  await customer.startAgain()
  await vi.waitFor(() => expect(positionsOf(taken)).toEqual([1, 1]), 10_000)
})

test('changed by many at once it still sends everything once', async () => {
  const { url, taken } = await receiver()
  const id = await customer.add(url, 'webhook')
  await Promise.all(
    span(1, 8).map(() =>
      customer.feeds.inTurn(customer.tenantId, () => customer.feeds.refresh(customer.tenantId, id)),
    ),
  )
  await customer.write(20)
  await vi.waitFor(async () => expect((await customer.placeOf(id)).position).toBe(21), 10_000)
  expect(new Set(taken.map(({ headers }) => headers['webhook-id'])).size).toBe(taken.length)
  await customer.feeds.inTurn(customer.tenantId, () => customer.feeds.stop())
  await customer.write(2)
  await new Promise((done) => setTimeout(done, 600))
  expect(Math.max(...positionsOf(taken))).toBe(21)
})
