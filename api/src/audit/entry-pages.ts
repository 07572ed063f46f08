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
