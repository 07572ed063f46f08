/** What every event store must do; each engine's test calls it. */
import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { append, event } from './conformance-events.ts'
import type { EventStore, NewEvent } from './event-store.ts'

const conflict = expect.objectContaining({ code: 'CONFLICT' })
const unavailable = expect.objectContaining({ code: 'STORE_UNAVAILABLE' })

/** @param open a new, empty store; the caller closes and removes them */
export function describeEventStore(open: () => Promise<EventStore>): void {
  testAppending(open)
  testLimits(open)
  testReading(open)
}

function testAppending(open: () => Promise<EventStore>): void {
  test('positions are dense over the log, versions per stream, log indexes per tenant', async () => {
    const store = await open()
    const [a, b] = [newId(), newId()]
    const [one, two, three] = [newId(), newId(), newId()]
    for (const [tenantId, streamId] of [
      [a, one],
      [b, two],
      [a, three],
      [a, one],
      [b, two],
    ] as const)
      await store.append(append({ tenantId, streamId, events: [event(), event()] }))
    const all = await store.readAll(0, 100)
    expect(all.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect((await store.readStream(a, one)).map(({ version }) => version)).toEqual([1, 2, 3, 4])
    const ofTenant = await store.readTenant(a, 0, 100)
    expect(ofTenant.map(({ logIndex }) => logIndex)).toEqual([0, 1, 2, 3, 4, 5])
    expect(await store.head()).toBe(10)
  })

  test('a long stream is read page by page, each from the version after the one before', async () => {
    const store = await open()
    const { tenantId, streamId } = append()
    const events = Array.from({ length: 7 }, () => event())
    await store.append(append({ tenantId, streamId, events }))
    const pages: number[][] = []
    for (let after = 0; after < 7; after = pages.at(-1)?.at(-1) ?? 7) {
      const page = await store.readStream(tenantId, streamId, { after, limit: 3 })
      pages.push(page.map(({ version }) => version))
    }
    expect(pages).toEqual([[1, 2, 3], [4, 5, 6], [7]])
    expect(await store.readStream(tenantId, streamId)).toHaveLength(7)
  })

  test('an event is read back as it was written, with what the store adds', async () => {
    const store = await open()
    const given = event({
      installationId: newId(),
      deviceId: newId(),
      sessionId: newId(),
      commandId: newId(),
    })
    const one = append({ events: [given] })
    const appended = await store.append(one)
    const [back] = await store.readAll(0, 1)
    const { tenantId, streamKind, streamId } = one
    expect(appended).toEqual({ position: 1, version: 1 })
    expect(back).toMatchObject({
      ...given,
      tenantId,
      streamKind,
      streamId,
      version: 1,
      position: 1,
    })
    expect(back).toMatchObject({
      logIndex: 0,
      schemaVersion: 1,
      id: expect.stringMatching(/^[a-z0-9]{26}$/),
    })
  })

  test('an append resolves only when its events can be read: durable before resolve', async () => {
    const store = await open()
    const one = append()
    const { version } = await store.append(one)
    expect(await store.readStream(one.tenantId, one.streamId)).toHaveLength(version)
  })

  test('a stream at another version is a conflict, and nothing of the append is written', async () => {
    const store = await open()
    const one = append({ expected: 'none', events: [event(), event()] })
    await store.append(one)
    for (const expected of ['none', 0, 1, 3] as const)
      await expect(store.append({ ...one, expected })).rejects.toEqual(conflict)
    await store.append({ ...one, expected: 2 })
    expect(await store.head()).toBe(4)
  })

  test('a refused append does not disturb the others of its batch', async () => {
    const store = await open()
    const one = append({ expected: 'none' })
    const bad = append({ events: [event({ correlationId: '\ud800' })] })
    const results = await Promise.allSettled([
      ...[store.append(one), store.append(one), store.append(bad), store.append(append())],
      store.append({ ...one, expected: 1 }),
    ])
    expect(results.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'rejected', 'rejected', 'fulfilled', 'fulfilled'],
    ])
    const all = await store.readAll(0, 10)
    expect(all.map(({ position }) => position)).toEqual([1, 2, 3])
  })

  test('a number that JSON cannot say is MESSAGE_INVALID, and never stored as null', async () => {
    const store = await open()
    const wrong = event({ correlationId: Number.NaN as unknown as string })
    await expect(store.append(append({ events: [wrong] }))).rejects.toEqual(
      expect.objectContaining({ code: 'MESSAGE_INVALID' }),
    )
    expect(await store.head()).toBe(0)
  })

  test('a text with NUL is MESSAGE_INVALID, wherever it stands; one that only names it is kept', async () => {
    const store = await open()
    const denied = (errorCode: string) =>
      append({
        streamKind: 'session',
        events: [{ ...event(), type: 'SessionDenied', data: { errorCode } } as NewEvent],
      })
    const kept = await store.append(denied('a\\u0000'))
    for (const one of [
      denied('a\0b'),
      denied('\\\0'),
      append({ events: [event({ correlationId: '\0' })] }),
    ])
      await expect(store.append(one)).rejects.toMatchObject({ code: 'MESSAGE_INVALID' })
    expect(await store.head()).toBe(kept.position)
  })

  test('a time that is none, or that not everybody reads alike, is MESSAGE_INVALID', async () => {
    const store = await open()
    for (const at of [
      ...['yesterday', 'Tue Nov 24 2026', '2026-11-24', '2026-11-24T12:00:00Z'],
      ...['2026-11-24T12:00:00.0009Z', '2026-11-24T12:00:00+03:00', '2026-02-30T12:00:00.000Z'],
      ...['+010000-01-01T00:00:00.000Z', '2026-11-24T24:00:00.000Z'],
    ])
      await expect(store.append(append({ events: [event({ at })] })), at).rejects.toEqual(
        expect.objectContaining({ code: 'MESSAGE_INVALID' }),
      )
    expect(await store.head()).toBe(0)
  })

  test('a fact that does not fit its schema rejects and is never stored', async () => {
    const store = await open()
    const wrong = { ...event(), data: { userId: 'not an id' } } as NewEvent
    await expect(store.append(append({ events: [wrong] }))).rejects.toThrow(TypeError)
    expect(await store.head()).toBe(0)
  })

  test('of many writers that expect the same version one wins', async () => {
    const store = await open()
    const one = append({ expected: 'none' })
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => store.append(one)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await store.readStream(one.tenantId, one.streamId)).toHaveLength(1)
  })

  test('the same events at the same version once more get the answer of the first time, and are there once', async () => {
    const store = await open()
    const events = [event({ id: newId() }), event({ id: newId() })]
    const one = append({ expected: 'none', events })
    const first = await store.append(one)
    await store.append({ ...one, expected: 2, events: [event()] })
    expect(await store.append(one)).toEqual(first)
    for (const other of [
      ...[[event()], [...events, event()], events.toReversed(), events.slice(1)],
      [events[0] ?? event(), event()],
    ])
      await expect(store.append({ ...one, events: other })).rejects.toEqual(conflict)
    expect(await store.head()).toBe(3)
  })

  test('a stream of one tenant is empty for another, whatever its id', async () => {
    const store = await open()
    const one = append()
    await store.append(one)
    expect(await store.readStream(newId(), one.streamId)).toEqual([])
    expect(await store.readTenant(newId(), 0, 10)).toEqual([])
  })
}

function testLimits(open: () => Promise<EventStore>): void {
  test('a full queue refuses with 503 and drops nothing that was taken', async () => {
    const store = await open()
    const many = Array.from({ length: 100 }, () => event())
    const results = await Promise.allSettled(
      Array.from({ length: 102 }, () => store.append(append({ events: many }))),
    )
    const taken = results.filter(({ status }) => status === 'fulfilled')
    expect(taken).toHaveLength(100)
    expect(results.at(-1)).toMatchObject({ status: 'rejected', reason: unavailable })
    expect(await store.head()).toBe(10_000)
    await store.append(append())
  })

  test('closing writes what was taken and refuses the rest', async () => {
    const store = await open()
    const taken = store.append(append())
    const closing = store.close()
    await expect(store.append(append())).rejects.toEqual(unavailable)
    expect(await taken).toEqual({ position: 1, version: 1 })
    await closing
  })

  test('listeners hear of the newest position after the commit, until they leave', async () => {
    const store = await open()
    const heard: number[] = []
    const leave = store.onAppended((position) => heard.push(position))
    await store.append(append({ events: [event(), event()] }))
    leave()
    await store.append(append())
    expect(heard).toEqual([2])
  })
}

function testReading(open: () => Promise<EventStore>): void {
  test('a query is newest first, pages without gap or repetition, and ends', async () => {
    const store = await open()
    const tenantId = newId()
    for (let i = 0; i < 5; i += 1)
      await store.append(append({ tenantId, events: [event(), event()] }))
    await store.append(append())
    const seen: number[] = []
    let cursor: string | undefined
    do {
      const page = await store.query({ tenantId, limit: 3, ...(cursor ? { cursor } : {}) })
      seen.push(...page.items.map(({ position }) => position))
      cursor = page.nextCursor
    } while (cursor)
    expect(seen).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
  })

  test('each filter narrows alone and together, and never beyond the tenant', async () => {
    const store = await open()
    const tenantId = newId()
    const place = { installationId: newId(), deviceId: newId(), sessionId: newId() }
    const actor = { type: 'user', id: newId() } as const
    const at = '2026-11-24T12:00:00.000Z'
    await store.append(append({ tenantId, events: [event({ ...place, actor, at }), event()] }))
    await store.append(append({ events: [event({ ...place, actor, at })] }))
    const count = async (filter: object) =>
      (await store.query({ tenantId, limit: 10, ...filter })).items.length
    expect(await count({})).toBe(2)
    for (const filter of [
      ...[{ installationId: place.installationId }, { deviceId: place.deviceId }],
      ...[{ sessionId: place.sessionId }, { actorId: actor.id }],
      ...[{ installationIds: [place.installationId, newId()] }, { from: at, to: at }],
      { ...place, actorId: actor.id, types: ['UserSignedOut'] as const },
    ])
      expect(await count(filter)).toBe(1)
    for (const filter of [
      ...[{ deviceId: newId() }, { installationIds: [] }, { types: ['UserSignedIn'] }],
      ...[{ from: '2026-11-24T12:00:00.001Z', to: '2026-11-24T12:00:01Z' }, { cursor: '1' }],
    ])
      expect(await count(filter)).toBe(0)
  })

  test('a cursor that is not ours is refused', async () => {
    const store = await open()
    for (const cursor of ['', '0', '-1', 'x', '1e3', '1 or 1=1', '9'.repeat(30)])
      await expect(store.query({ tenantId: newId(), limit: 1, cursor }), cursor).rejects.toEqual(
        expect.objectContaining({ code: 'MESSAGE_INVALID' }),
      )
  })

  test('an append of a session finds its events by the session, also those of other streams', async () => {
    const store = await open()
    const tenantId = newId()
    const sessionId = newId()
    const denied = { ...event(), type: 'SessionDenied', data: { errorCode: 'X' } } as NewEvent
    await store.append(
      append({ tenantId, streamKind: 'session', streamId: sessionId, events: [denied] }),
    )
    await store.append(append({ tenantId, events: [event({ sessionId })] }))
    const { items } = await store.query({ tenantId, sessionId, limit: 10 })
    expect(items.map(({ type }) => type)).toEqual(['UserSignedOut', 'SessionDenied'])
  })
}
