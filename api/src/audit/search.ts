/** One page for a person who waits: of pages that each look at a part of the log (ADR 38). */
import type { EventFilter, EventPage, EventStore } from '../store/event-store.ts'

const longestMs = 1_000

/** Full, or to the end, or what was found by then; `nextCursor` says that there may be more. */
export async function search(
  store: Pick<EventStore, 'query'>,
  filter: EventFilter,
  now = () => performance.now(),
): Promise<EventPage> {
  const latest = now() + longestMs
  let page = await store.query(filter)
  const items = page.items
  while (page.nextCursor !== undefined && items.length < filter.limit && now() < latest) {
    const limit = filter.limit - items.length
    page = await store.query({ ...filter, cursor: page.nextCursor, limit })
    items.push(...page.items)
  }
  return { ...page, items }
}
