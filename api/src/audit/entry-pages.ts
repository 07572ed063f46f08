/** Entries to the end: page by page, in turns with everything else. */
import { setImmediate as breathe } from 'node:timers/promises'
import type { Entry, EntryFilter, EntryPage, EvidenceLog } from '../store/evidence-log.ts'

export async function* entryPages(
  evidence: Pick<EvidenceLog, 'readEntries'>,
  filter: EntryFilter,
  limit: number,
): AsyncGenerator<readonly Entry[]> {
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: EntryPage = await evidence.readEntries(filter, { after, limit })
    yield page.items
    after = page.next
    await breathe()
  }
}

/** Of several walks that are each in log order, one that is. */
export async function* merged(walks: ReadonlyArray<AsyncIterator<Entry>>): AsyncGenerator<Entry> {
  const heads = await Promise.all(walks.map(async (walk) => ({ walk, next: await walk.next() })))
  const placeOf = ({ next }: (typeof heads)[number]) =>
    next.done ? Number.POSITIVE_INFINITY : next.value.position
  for (;;) {
    const first = heads.reduce<(typeof heads)[number] | undefined>(
      (best, head) => (best && placeOf(best) <= placeOf(head) ? best : head),
      undefined,
    )
    if (!first || first.next.done) return
    yield first.next.value
    first.next = await first.walk.next()
  }
}
