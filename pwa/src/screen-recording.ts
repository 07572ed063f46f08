/** Recorded batches of a session as one recording: in order, on the node's clock. Pure. */
import type { DomBatch } from '@travessia/schemas/dom-recording'

export type ScreenEvent = DomBatch['events'][number]
/** `lastAt`: when its last event came, by the node's clock. */
export type KeptBatch = DomBatch & { readonly lastAt: string }

/** rrweb's numbers. */
const [fullSnapshot, meta] = [2, 4] as const

/** A page that was loaded later ends the one before; of two tabs the later one is shown. */
export function recordingOf(batches: readonly KeptBatch[]): ScreenEvent[] {
  const pages = new Map<string, KeptBatch[]>()
  for (const batch of batches) pages.set(batch.page, [...(pages.get(batch.page) ?? []), batch])
  const inOrder = [...pages.values()]
    .map(eventsOf)
    .filter((events) => events.some(({ type }) => type === fullSnapshot))
    .toSorted((a, b) => startOf(a) - startOf(b))
  return inOrder.flatMap((events, index) => {
    const next = inOrder[index + 1]
    const from = events.slice(
      Math.max(
        0,
        events.findIndex(({ type }) => type === meta),
      ),
    )
    return next ? from.filter(({ timestamp }) => timestamp < startOf(next)) : from
  })
}

/** Of one page. Its own clock goes on evenly; the batch that was least delayed says how far it is off. */
function eventsOf(batches: readonly KeptBatch[]): ScreenEvent[] {
  const delays = batches.map(
    ({ events, lastAt }) =>
      Date.parse(lastAt) - Math.max(...events.map(({ timestamp }) => timestamp)),
  )
  const shift = Math.min(...delays)
  return batches
    .flatMap(({ events }) =>
      events.map((event) => ({ ...event, timestamp: event.timestamp + shift })),
    )
    .toSorted((a, b) => a.timestamp - b.timestamp)
}

function startOf(events: readonly ScreenEvent[]): number {
  return events[0]?.timestamp ?? 0
}
