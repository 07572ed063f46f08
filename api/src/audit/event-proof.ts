/**
 * One event by its place in the log, with what proves it. No index has that place: the tree in memory knows where each row of
 * 256 leaves begins, so three short walks of the tenant's index find it, however long the log is.
 */
import { setImmediate as breathe } from 'node:timers/promises'
import type { EventProof } from '@travessia/schemas/api/audit'
import type { Language } from '@travessia/schemas/errors'
import { TravessiaError } from '@travessia/schemas/errors'
import type { RecordedEvent } from '@travessia/schemas/events'
import { toBase64 } from '@travessia/schemas/evidence/bytes'
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import { inclusionSpans } from '@travessia/schemas/evidence/merkle'
import { noteKeyText } from '@travessia/schemas/evidence/note'
import type { Services } from '../services.ts'
import type { EventFilter, EventStore } from '../store/event-store.ts'
import type { EvidenceLog, KeptCheckpoint, Leaf } from '../store/evidence-log.ts'
import { type ReadingDeps, readEvent } from './reading.ts'
import { rowLeaves, type TreeHashes } from './tree-hashes.ts'

type Deps = ReadingDeps & Pick<Services, 'store' | 'checkpointer' | 'evidenceKeys' | 'nodeId'>
type Asked = {
  /** Who asks sees these only, as in the list of events. */
  readonly sight: Pick<EventFilter, 'tenantId' | 'installationIds'>
  readonly logIndex: number
  readonly language: Language
}

/** @throws TravessiaError NOT_FOUND: there is none, or it is out of sight; of one whose text is gone nobody narrowed is told */
export async function proveEvent(deps: Deps, asked: Asked): Promise<EventProof> {
  const { store, evidenceKeys, nodeId, checkpointer } = deps
  const { sight, logIndex, language } = asked
  const { tenantId, installationIds } = sight
  const { hashes, signed } = await checkpointer.standing(tenantId)
  const leaf = await leafAt(store.evidence, { tenantId, logIndex, hashes })
  const kept = leaf && (await eventAt(store, sight, leaf))
  const isKnown = leaf !== undefined || logIndex < Math.max(hashes.size, signed?.size ?? 0)
  if (!kept && (installationIds || !isKnown)) throw new TravessiaError('NOT_FOUND')
  const origin = originOf(nodeId, tenantId)
  const path =
    signed && logIndex < signed.size
      ? await pathOf(store.evidence, { hashes, signed, logIndex })
      : undefined
  return {
    ...{ logIndex, origin, keys: evidenceKeys.keysOf(origin).map(noteKeyText) },
    ...(kept && { text: kept.text, event: await readEvent(deps, kept.event, language) }),
    ...(leaf && { leaf: toBase64(leaf.hash) }),
    ...(path && signed && { proof: { path, note: signed.note, at: signed.at } }),
  }
}

type At = { readonly tenantId: string; readonly logIndex: number; readonly hashes: TreeHashes }

/** In the row that has it; of a log that is not what was signed the tree ends before its events do, and the rest is walked. */
async function leafAt(
  evidence: EvidenceLog,
  { tenantId, logIndex, hashes }: At,
): Promise<Leaf | undefined> {
  const isInTree = logIndex < hashes.size
  const row = Math.floor(logIndex / rowLeaves)
  for (let after = isInTree ? hashes.positionBefore(row) : hashes.position; ; ) {
    const leaves = await evidence.readLeaves(tenantId, { after, limit: rowLeaves })
    const last = leaves.at(-1)
    if (!last || last.logIndex >= logIndex) return leaves.find((one) => one.logIndex === logIndex)
    after = last.position
    await breathe()
  }
}

/** What the list of events shows at this place, and its text; undefined where it shows none. */
async function eventAt(
  store: EventStore,
  sight: Asked['sight'],
  { position }: Leaf,
): Promise<{ event: RecordedEvent; text: string } | undefined> {
  const { items } = await store.query({ ...sight, cursor: String(position + 1), limit: 1 })
  const page = { after: position - 1, limit: 1 }
  const entries = await store.evidence.readEntries({ tenantId: sight.tenantId }, page)
  const [event, entry] = [items[0], entries.items[0]]
  if (event?.position !== position || entry?.position !== position) return undefined
  return { event, text: entry.text }
}

type Proven = Omit<At, 'tenantId'> & { readonly signed: KeptCheckpoint }

/** From the leaf to what was signed; empty also where the log does not lead there any more. */
async function pathOf(
  evidence: EvidenceLog,
  { hashes, signed: { tenantId, size }, logIndex }: Proven,
): Promise<string[]> {
  const rows = new Map<number, Promise<Uint8Array[]>>()
  const read = async (after: number, limit: number) =>
    (await evidence.readLeaves(tenantId, { after, limit })).map(({ hash }) => hash)
  const readRow = (after: number, limit: number) => {
    const row = rows.get(after) ?? read(after, limit)
    rows.set(after, row)
    return row
  }
  const path: string[] = []
  try {
    for (const span of inclusionSpans(logIndex, [0, size]))
      path.push(toBase64(await hashes.hashOf(span, readRow)))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return []
  }
  return path
}
