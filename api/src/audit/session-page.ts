/** A session's events are read in pages: one may have tens of thousands. */
import type { RecordedEvent } from '@travessia/schemas/events'

export const maxSessionEvents = 2_000

/** @param all in order of version. `nextAfter`: the version after which there is more */
export function sessionPage(
  all: readonly RecordedEvent[],
  limit: number,
): { readonly events: readonly RecordedEvent[]; readonly nextAfter?: number } {
  const events = all.slice(0, limit)
  const last = events.at(-1)
  return last && all.length > limit ? { events, nextAfter: last.version } : { events }
}
