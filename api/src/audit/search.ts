/** One page for a person who waits: of pages that each look at a part of the log (ADR 38). */
import { TravessiaError } from '@travessia/schemas/errors'
import type { EventFilter, EventPage, EventStore } from '../store/event-store.ts'

const longestMs = 1_000

/** Full, or to the end, or what was found by then, also when others ask too much meanwhile; `nextCursor` says that there may be more. */
export async function search(
  store: Pick<EventStore, 'query'>,
  filter: EventFilter,
  now = () => performance.now(),
): Promise<EventPage> {
  const latest = now() + longestMs
  let page = await store.query(filter)
  const items = page.items
  while (page.nextCursor !== undefined && items.length < filter.limit && now() < latest) {
    const rest = { ...filter, cursor: page.nextCursor, limit: filter.limit - items.length }
    const next = await store.query(rest).catch(ofBusy)
    if (next === undefined) break
    page = next
    items.push(...page.items)
  }
  return { ...page, items }
}

function ofBusy(error: unknown): undefined {
  if (error instanceof TravessiaError && error.code === 'NODE_BUSY') return undefined
  throw error
}
