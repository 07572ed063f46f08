/** Random writers of two nodes at once, a reader that tails, retries of what was answered; the model is a Map. */
import type { RecordedEvent } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { append, event } from './conformance-events.ts'
import type { Append, Appended, EventStore } from './event-store.ts'

const conflict = expect.objectContaining({ code: 'CONFLICT' })

type Step = {
  readonly node: number
  readonly stream: number
  readonly tenant: number
  readonly events: number
  readonly expects: 'any' | 'right' | 'wrong'
  /** Once more, to the other node, as after a lost answer. */
  readonly isRepeated: boolean
}
type Acknowledged = Appended & { readonly count: number; readonly streamId: string }

const step: fc.Arbitrary<Step> = fc.record({
  ...{ node: fc.nat(1), stream: fc.nat(3), tenant: fc.nat(1) },
  ...{ events: fc.integer({ min: 1, max: 4 }), isRepeated: fc.boolean() },
  expects: fc.constantFrom('any', 'right', 'wrong'),
})
const writers = fc.array(fc.array(step, { maxLength: 8 }), { minLength: 2, maxLength: 6 })

/** @param openTwice one new, empty log, opened by two nodes */
export function describeInterleaving(openTwice: () => Promise<readonly EventStore[]>): void {
  test('whatever two nodes write at once, a tailing reader sees every event once and in order', async () => {
    const nodes = await openTwice()
    await fc.assert(
      fc.asyncProperty(writers, (plans) => interleave(nodes, plans)),
      { numRuns: 8 },
    )
  }, 60_000)
}

async function interleave(nodes: readonly EventStore[], plans: readonly Step[][]): Promise<void> {
  const [reader] = nodes
  if (!reader) throw new TypeError('no node')
  const start = await reader.head()
  const acknowledged: Acknowledged[] = []
  const write = writerOf(nodes, acknowledged)
  const seen: RecordedEvent[] = []
  let isWriting = true
  const tail = async () => {
    for (;;) {
      const wasWriting = isWriting
      const more = await reader.readAll(seen.at(-1)?.position ?? start, 3)
      seen.push(...more)
      if (more.length === 0 && !wasWriting) return
      await new Promise(setImmediate)
    }
  }
  const tailing = tail()
  await Promise.all(plans.map(write)).finally(() => {
    isWriting = false
  })
  await tailing
  requireDense(seen, start + 1)
  expect(seen).toHaveLength(acknowledged.reduce((sum, { count }) => sum + count, 0))
  for (const { position, version, streamId } of acknowledged)
    expect(seen[position - start - 1]).toMatchObject({ position, version, streamId })
}

function writerOf(nodes: readonly EventStore[], acknowledged: Acknowledged[]) {
  const tenants = [newId(), newId()]
  const streams = Array.from({ length: 8 }, newId)
  const write = async ({ node, stream, tenant, events, expects, isRepeated }: Step) => {
    const [store, other] = (node === 0 ? nodes : nodes.toReversed()) as [EventStore, EventStore]
    const [tenantId = '', streamId = ''] = [tenants[tenant], streams[tenant * 4 + stream]]
    const version = (await store.readStream(tenantId, streamId)).length
    const expected = expects === 'any' ? 'any' : expects === 'right' ? version : version + 50
    const batch = Array.from({ length: events }, () => event({ id: newId() }))
    const wanted: Append = append({ tenantId, streamId, expected, events: batch })
    const appended = await store.append(wanted).catch((error: unknown) => {
      expect(error).toEqual(conflict)
      return undefined
    })
    if (!appended) return
    acknowledged.push({ ...appended, count: events, streamId })
    if (isRepeated && expects === 'right') expect(await other.append(wanted)).toEqual(appended)
  }
  return async (plan: readonly Step[]) => {
    for (const one of plan) await write(one)
  }
}

/** Positions over the log, log indexes per tenant, versions per stream: 1, 2, 3, … without a hole. */
export function requireDense(events: readonly RecordedEvent[], first = 1): void {
  const next = new Map<string, number>()
  const take = (key: string, first: number) => {
    const value = next.get(key) ?? first
    next.set(key, value + 1)
    return value
  }
  for (const { position, tenantId, logIndex, streamId, version } of events) {
    expect(position).toBe(take('log', first))
    expect(logIndex).toBe(take(tenantId, 0))
    expect(version).toBe(take(`${tenantId} ${streamId}`, 1))
  }
}
