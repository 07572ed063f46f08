/** A session's events are read in pages: one may have tens of thousands. */
import type { RecordedEvent } from '@travessia/schemas/events'

export const maxSessionEvents = 2_000

/** @param found in order of version, one more than the limit if there are. `nextAfter`: the version after which there is more */
export function sessionPage(
  found: readonly RecordedEvent[],
  limit: number,
): { readonly events: readonly RecordedEvent[]; readonly nextAfter?: number } {
  const events = found.slice(0, limit)
  const last = events.at(-1)
  return last && found.length > limit ? { events, nextAfter: last.version } : { events }
}
