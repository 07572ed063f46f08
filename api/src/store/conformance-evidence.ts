/** What every store must do for evidence; each engine's test calls it. */
import { leafHash } from '@travessia/schemas/evidence/merkle'
import { newId } from '@travessia/schemas/ids'
import { passingKinds } from '@travessia/schemas/retention'
import { expect, test } from 'vitest'
import { append, event } from './conformance-events.ts'
import type { Append, EventStore, NewEvent } from './event-store.ts'
import type { KeptCheckpoint, KeptCosignature } from './evidence-log.ts'

const page = { after: 0, limit: 100 }

function checkpoint(change: Partial<KeptCheckpoint> = {}): KeptCheckpoint {
  const root = leafHash(newId())
  return { tenantId: newId(), size: 1, root, note: newId(), at: '2026-11-24T12:00:00Z', ...change }
}

export function describeEvidenceLog(open: () => Promise<EventStore>): void {
  testLeaves(open)
  testCheckpoints(open)
  testExpiry(open)
  testWithoutRetention(open)
  testUntrueRetention(open)
  testLastingFacts(open)
  testCosignatures(open)
}

function testLeaves(open: () => Promise<EventStore>): void {
  test('leaves and entries of a tenant come in log order and page by page, each the hash of its text', async () => {
    const store = await open()
    const [tenantId, other] = [newId(), newId()]
    for (const id of [tenantId, other, tenantId])
      await store.append(append({ tenantId: id, events: [event(), event()] }))
    const { items: entries } = await store.evidence.readEntries({ tenantId }, page)
    expect(entries.map(({ logIndex }) => logIndex)).toEqual([0, 1, 2, 3])
    for (const { text, hash } of entries) expect(leafHash(text)).toEqual(hash)
    const leaves = await store.evidence.readLeaves(tenantId, { after: 0, limit: 3 })
    const after = leaves.at(-1)?.position ?? 0
    leaves.push(...(await store.evidence.readLeaves(tenantId, { after, limit: 3 })))
    expect(leaves).toEqual(entries.map(({ text: _text, ...leaf }) => leaf))
    expect(await store.evidence.sizes()).toEqual(
      expect.arrayContaining([
        { tenantId, size: 4 },
        { tenantId: other, size: 2 },
      ]),
    )
  })

  test('a filter narrows entries as it narrows a query, and keeps the place in the log', async () => {
    const store = await open()
    const [tenantId, deviceId] = [newId(), newId()]
    const events = [event(), event({ deviceId }), event(), event({ deviceId })]
    await store.append(append({ tenantId, events }))
    const { items: entries } = await store.evidence.readEntries({ tenantId, deviceId }, page)
    expect(entries.map(({ logIndex }) => logIndex)).toEqual([1, 3])
    const none = await store.evidence.readEntries({ tenantId: newId(), deviceId }, page)
    expect(none).toEqual({ items: [] })
  })

  test('a tenant that is refused appends nothing more; others do', async () => {
    const store = await open()
    const one = append()
    await store.append(one)
    store.evidence.refuse(one.tenantId)
    await expect(store.append(one)).rejects.toEqual(
      expect.objectContaining({ code: 'STORE_UNAVAILABLE' }),
    )
    await store.append(append())
  })
}

function testCheckpoints(open: () => Promise<EventStore>): void {
  test('a kept checkpoint is read back; the newest is the largest', async () => {
    const { evidence } = await open()
    const one = checkpoint()
    const two = { ...checkpoint(), tenantId: one.tenantId, size: 7 }
    expect(await evidence.newestCheckpoint(one.tenantId)).toBeUndefined()
    await evidence.keep([two, one, checkpoint()])
    expect(await evidence.newestCheckpoint(one.tenantId)).toEqual(two)
    expect(await evidence.checkpointOver(one.tenantId, 0)).toEqual(one)
    expect(await evidence.checkpointOver(one.tenantId, 1)).toEqual(two)
    expect(await evidence.checkpointOver(one.tenantId, 7)).toBeUndefined()
  })

  test('of each row of so many events the last checkpoint is told, smallest first', async () => {
    const { evidence } = await open()
    const tenantId = newId()
    await evidence.keep([1, 3, 5, 6, 7, 11].map((size) => checkpoint({ tenantId, size })))
    const sizes = async (each: number) =>
      (await evidence.checkpoints(tenantId, each)).map(({ size }) => size)
    expect(await sizes(1)).toEqual([1, 3, 5, 6, 7, 11])
    expect(await sizes(5)).toEqual([5, 7, 11])
    expect(await sizes(100)).toEqual([11])
  })

  test('the same root for the same size changes nothing; another one is a conflict, and nothing beside it is kept', async () => {
    const store = await open()
    const { evidence } = store
    const one = checkpoint()
    await evidence.keep([one])
    await evidence.keep([{ ...one, note: 'another' }])
    expect(await evidence.newestCheckpoint(one.tenantId)).toEqual(one)
    const beside = checkpoint()
    const other = checkpoint({ tenantId: one.tenantId })
    await expect(evidence.keep([beside, other])).rejects.toEqual(
      expect.objectContaining({ code: 'CONFLICT' }),
    )
    expect(await evidence.newestCheckpoint(beside.tenantId)).toBeUndefined()
    expect(await evidence.newestCheckpoint(one.tenantId)).toEqual(one)
    // Nor is it remembered by which integer that customer was to be known.
    await store.append(append({ tenantId: beside.tenantId }))
    expect(await store.readTenant(beside.tenantId, 0, 10)).toHaveLength(1)
  })

  test('checkpoints and appends at once each get their own answer', async () => {
    const store = await open()
    const some = Array.from({ length: 20 }, () => checkpoint())
    const [appended] = await Promise.all([
      Promise.all(some.map(() => store.append(append()))),
      Promise.all(some.map((one) => store.evidence.keep([one]))),
    ])
    expect(appended.map(({ version }) => version)).toEqual(some.map(() => 1))
    for (const one of some) expect(await store.evidence.newestCheckpoint(one.tenantId)).toEqual(one)
  })
}

function testCosignatures(open: () => Promise<EventStore>): void {
  test('of each agent of a tenant the newest confirmation up to a size is told, the largest first', async () => {
    const { evidence } = await open()
    const [tenantId, other] = [newId(), newId()]
    const [one, two] = [newId(), newId()].sort() as [string, string]
    const of = (agentId: string, size: number, more: Partial<KeptCosignature> = {}) => ({
      ...{ tenantId, agentId, size, line: `— ${newId()}\n`, key: newId() },
      ...{ at: '2026-11-24T12:00:00Z', ...more },
    })
    const [a5, a9, b7] = [of(one, 5), of(one, 9), of(two, 7)]
    const strange = of(one, 8, { tenantId: other })
    expect(await evidence.cosignatures(tenantId, 100)).toEqual([])
    for (const each of [a5, a9, b7, strange]) await evidence.keepCosignature(each)
    expect(await evidence.cosignatures(tenantId, 100)).toEqual([a9, b7])
    expect(await evidence.cosignatures(tenantId, 8)).toEqual([b7, a5])
    expect(await evidence.cosignatures(tenantId, 4)).toEqual([])
    expect(await evidence.cosignatures(other, 100)).toEqual([strange])
  })

  test('a second confirmation of the same size changes nothing', async () => {
    const { evidence } = await open()
    const one = { tenantId: newId(), agentId: newId(), size: 3, key: newId(), at: 'then' }
    await evidence.keepCosignature({ ...one, line: 'first' })
    await evidence.keepCosignature({ ...one, line: 'second' })
    expect(await evidence.cosignatures(one.tenantId, 3)).toEqual([{ ...one, line: 'first' }])
  })
}

const until = '2025-02-01T00:00:00.000Z'
const old = (fact: object = {}) =>
  ({ ...event({ at: '2025-01-31T23:59:59.999Z' }), ...fact }) as NewEvent
const changed = (days: number | null) => old({ type: 'RetentionChanged', data: { days } })
const applied = (spans: Array<[number, number, number, number]>, change: object = {}) =>
  old({ type: 'RetentionApplied', data: { days: 30, until, events: 0, spans, ...change } })

function testExpiry(open: () => Promise<EventStore>): void {
  test('what a retention names leaves the log, its leaf stays, and everything else is as it was', async () => {
    const store = await open()
    const { evidence } = store
    const [tenantId, other] = [newId(), newId()]
    for (const id of [tenantId, other, tenantId, tenantId, other])
      await store.append(append({ tenantId: id, events: [old(), old()] }))
    const mine = await store.readTenant(tenantId, 0, 100)
    const [first, last] = [mine[1]?.position ?? 0, mine[2]?.position ?? 0]
    const events = [changed(30), applied([[1, 2, first, last]])]
    const fact = { tenantId, streamKind: 'retention', events }
    const { position } = await store.append(append(fact as Partial<Append>))
    const leaves = await evidence.readLeaves(tenantId, page)
    const theirs = await store.readTenant(other, 0, 100)
    for (let turn = 0; turn < 2; turn += 1)
      await evidence.expire({ tenantId, appliedPosition: position, first, last })
    const left = await store.readTenant(tenantId, 0, 100)
    expect(left.map(({ logIndex }) => logIndex)).toEqual([0, 3, 4, 5, 6, 7])
    expect(await evidence.readLeaves(tenantId, page)).toEqual(leaves)
    expect(await evidence.readLeaves(tenantId, { after: first, limit: 2 })).toEqual(
      leaves.filter((leaf) => leaf.position > first).slice(0, 2),
    )
    expect(await evidence.readExpired(tenantId, page)).toEqual(leaves.slice(1, 3))
    expect(await store.readTenant(other, 0, 100)).toEqual(theirs)
    await store.append(append({ tenantId }))
    expect((await evidence.readLeaves(tenantId, page)).map(({ logIndex }) => logIndex)).toEqual([
      ...[0, 1, 2, 3, 4, 5, 6, 7, 8],
    ])
  })
}

function testLastingFacts(open: () => Promise<EventStore>): void {
  test('what says that events have expired never expires, though a retention names it', async () => {
    const store = await open()
    const tenantId = newId()
    const retention = (log: number, position: number) =>
      append({
        ...{ tenantId, streamKind: 'retention' },
        events: [changed(30), applied([[log, log, position, position]])],
      })
    const { position: first } = await store.append(append({ tenantId }))
    const { position: said } = await store.append(retention(0, first))
    const { position: appliedPosition } = await store.append(retention(2, said))
    const expiry = { tenantId, appliedPosition, first: said, last: said }
    await expect(store.evidence.expire(expiry)).rejects.toEqual(
      expect.objectContaining({ code: 'STORE_UNAVAILABLE' }),
    )
    expect(await store.readTenant(tenantId, 0, 100)).toHaveLength(5)
  })
}

function testWithoutRetention(open: () => Promise<EventStore>): void {
  test('what no retention of this tenant names does not leave the log', async () => {
    const store = await open()
    const [tenantId, other] = [newId(), newId()]
    const { position: first } = await store.append(append({ tenantId, events: [old()] }))
    const { position: second } = await store.append(append({ tenantId, events: [old()] }))
    const events = [changed(30), applied([[0, 0, first, first]])]
    const retention = { streamKind: 'retention', events }
    const facts = [{ ...retention, tenantId }, { ...retention, tenantId: other }, { tenantId }]
    const said: number[] = []
    for (const fact of facts)
      said.push((await store.append(append(fact as Partial<Append>))).position)
    const [own = 0, foreign = 0, none = 0] = said
    for (const [appliedPosition, last] of [
      [foreign, first],
      [none, first],
      [own, second],
      [own, own],
      [999, first],
    ] as const) {
      const expiry = { tenantId, appliedPosition, first, last }
      await expect(store.evidence.expire(expiry)).rejects.toEqual(
        expect.objectContaining({ code: 'STORE_UNAVAILABLE' }),
      )
    }
    expect(await store.readTenant(tenantId, 0, 100)).toHaveLength(5)
    await store.evidence.expire({ tenantId, appliedPosition: own, first, last: first })
    expect(await store.readTenant(tenantId, 0, 100)).toHaveLength(4)
  })
}

const thirty = [changed(30), applied([[0, 2, 1, 9]])]
const untrue: ReadonlyArray<
  readonly [what: string, of: Partial<Append>, facts: readonly NewEvent[]]
> = [
  ['is not older than the border', { events: [event({ at: until })] }, thirty],
  [
    'makes the state of today',
    { streamKind: 'device', events: [old({ type: 'DeviceRemoved', data: {} })] },
    thirty,
  ],
  ['no retention was for', {}, thirty.slice(1)],
  ['was to be kept again', {}, thirty.toSpliced(1, 0, changed(null))],
  ['a retention of other days names', {}, thirty.with(0, changed(31))],
  ['a retention of too few days names', {}, [changed(29), applied([[0, 0, 1, 9]], { days: 29 })]],
  [
    'a retention names too early',
    {},
    [changed(30), applied([[0, 0, 1, 9]], { until: new Date().toISOString() })],
  ],
]

function testUntrueRetention(open: () => Promise<EventStore>): void {
  test.each(untrue)('an event that %s does not leave the log', async (_what, of, facts) => {
    const store = await open()
    const tenantId = newId()
    const { position: first } = await store.append(append({ tenantId, events: [old()], ...of }))
    const fact = append({ tenantId, streamKind: 'retention', events: [...facts] })
    const { position: appliedPosition } = await store.append(fact)
    const expiry = { tenantId, appliedPosition, first, last: first }
    await expect(store.evidence.expire(expiry)).rejects.toThrow()
    expect(await store.readTenant(tenantId, 0, 9)).toHaveLength(1 + facts.length)
  })

  test('an event that came after its retention does not leave the log', async () => {
    const store = await open()
    const tenantId = newId()
    const fact = append({ tenantId, streamKind: 'retention', events: thirty })
    const { position: appliedPosition } = await store.append(fact)
    const { position: first } = await store.append(append({ tenantId, events: [old()] }))
    const expiry = { tenantId, appliedPosition, first, last: first }
    await expect(store.evidence.expire(expiry)).rejects.toThrow()
    expect(await store.readTenant(tenantId, 0, 9)).toHaveLength(3)
  })

  test.each([...passingKinds, 'access'] as const)(
    'an event of a stream of %s does',
    async (streamKind) => {
      const store = await open()
      const tenantId = newId()
      const { position: first } = await store.append(
        append({ tenantId, streamKind, events: [old()] }),
      )
      const fact = append({ tenantId, streamKind: 'retention', events: thirty })
      const { position: appliedPosition } = await store.append(fact)
      await store.evidence.expire({ tenantId, appliedPosition, first, last: first })
      expect(await store.readTenant(tenantId, 0, 9)).toHaveLength(2)
    },
  )
}
