/**
 * The evidence bundle: a tenant's log, or a selection of it, with what proves it to somebody who does not trust us. Streamed
 * page by page; in memory are the places of the selected events and the hashes of their proofs, nothing else.
 */
import { createHash } from 'node:crypto'
import { setImmediate as breathe } from 'node:timers/promises'
import { canonicalJson } from '@travessia/schemas/canonical-json'
import { toBase64 } from '@travessia/schemas/evidence/bytes'
import { originOf } from '@travessia/schemas/evidence/checkpoint'
import {
  type FileFacts,
  fileNames,
  type Manifest,
  manifestName,
  manifestText,
} from '@travessia/schemas/evidence/manifest'
import {
  consistencySpans,
  Frontier,
  inclusionSpans,
  type Span,
  SubtreeHashes,
} from '@travessia/schemas/evidence/merkle'
import { noteKeyText } from '@travessia/schemas/evidence/note'
import type { EvidenceKeys } from '../identity/evidence-keys.ts'
import type { BlobStore } from '../store/blob-store.ts'
import type { EventStore } from '../store/event-store.ts'
import type {
  Entry,
  EntryFilter,
  KeptCheckpoint,
  KeptCosignature,
  Leaf,
} from '../store/evidence-log.ts'
import { BundleBlobs } from './bundle-blobs.ts'
import { entryPages, merged } from './entry-pages.ts'
import { type ZipSource, zip } from './zip.ts'

const pageEntries = 500
const pageLeaves = 1_000
const chunkChars = 65_536
/** With their bodies, 2 GiB at most, these end before 4 GiB whatever is in them. */
const maxSmallEvents = 10_000
/** Of a whole log; the more, the closer an altered event is named. */
const maxCheckpoints = 10_000

type Deps = {
  readonly store: Pick<EventStore, 'evidence'>
  readonly blobs: Pick<BlobStore, 'get'>
  readonly evidenceKeys: EvidenceKeys
  readonly nodeId: string
  readonly now: () => number
}
export type BundleOrder = {
  readonly filter: EntryFilter
  /** Of these only. */
  readonly sessionIds?: readonly string[] | undefined
  /** The filter in the words of who asked. */
  readonly asked: Readonly<Record<string, unknown>>
  readonly scope: Manifest['scope']
  /** Signed just now; what came after it is not in the bundle. */
  readonly checkpoint: KeptCheckpoint
  /** Aborted: the log is not any more what the bundle began with, or its reader has gone. */
  readonly signal: AbortSignal
  /** Told of each event. */
  readonly seen?: (events: number) => void
}

/** For `zip`. @throws what `signal` was aborted with */
export async function* bundle(deps: Deps, order: BundleOrder): AsyncGenerator<ZipSource> {
  const { evidenceKeys, nodeId, now } = deps
  const { tenantId, size } = order.checkpoint
  const origin = originOf(nodeId, tenantId)
  const facts: Partial<Record<string, FileFacts>> = {}
  const spans: Array<[number, number]> = []
  const file = (name: keyof Manifest['files'], lines: AsyncIterable<string>) => ({
    name: fileNames[name],
    data: described(unlessCut(lines, order.signal), (described) => {
      facts[name] = described
    }),
  })
  const blobs = new BundleBlobs(deps.blobs, tenantId)
  yield file('events', eventLines(deps, order, { spans, blobs }))
  const proofs = order.scope === 'whole' ? undefined : await gather(deps, order, spans)
  yield file('proofs', proofLines(deps, order, proofs?.hashes))
  yield file('checkpoints', checkpointLines(deps, order, proofs))
  yield file('witnesses', witnessLines(deps, order, proofs))
  yield* blobs.files()
  yield file('keys', list(evidenceKeys.keysOf(origin).map((key) => `${noteKeyText(key)}\n`)))
  const changes = evidenceKeys.changes().map((note) => `${canonicalJson({ note })}\n`)
  yield file('keyChanges', list(changes))
  const text = manifestText({
    ...{ origin, tenantId, size, spans, scope: order.scope, filter: { ...order.asked } },
    createdAt: new Date(now()).toISOString(),
    files: facts as Manifest['files'],
    ...(Object.keys(blobs.notes()).length > 0 ? { bodies: blobs.notes() } : {}),
  })
  order.signal.throwIfAborted()
  const note = evidenceKeys.sign(manifestName(origin), text)
  yield { name: fileNames.manifest, data: described(list([note]), () => undefined) }
}

/** As the file that is given out. */
export function bundleFile(deps: Deps, order: BundleOrder): AsyncGenerator<Buffer> {
  return zip(bundle(deps, order), { isLarge: order.checkpoint.size > maxSmallEvents })
}

function entriesOf(deps: Deps, order: BundleOrder): AsyncGenerator<Entry> {
  const { filter, sessionIds } = order
  if (!sessionIds) return walkOf(deps, order, pageEntries)
  const limit = Math.ceil(pageEntries / Math.max(1, sessionIds.length))
  return merged(
    sessionIds.map((sessionId) =>
      walkOf(deps, { ...order, filter: { ...filter, sessionId } }, Math.max(limit, 20)),
    ),
  )
}

async function* walkOf(
  { store }: Deps,
  { filter, checkpoint, signal }: BundleOrder,
  limit: number,
): AsyncGenerator<Entry> {
  for await (const page of entryPages(store.evidence, filter, limit)) {
    signal.throwIfAborted()
    for (const entry of page) {
      if (entry.logIndex >= checkpoint.size) return
      yield entry
    }
  }
}

/** @param seen is told where the events stand, and what they name */
async function* eventLines(
  deps: Deps,
  order: BundleOrder,
  { spans, blobs }: { readonly spans: Array<[number, number]>; readonly blobs: BundleBlobs },
) {
  for await (const { text, logIndex } of entriesOf(deps, order)) {
    const last = spans.at(-1)
    if (last && last[1] === logIndex - 1) last[1] = logIndex
    else spans.push([logIndex, logIndex])
    blobs.see(text)
    order.seen?.(1)
    yield `${text}\n`
  }
}

/**
 * A line for each event: its place, id and leaf; in a selection also the way from there to the root. In a whole log also one for
 * each that has expired, whose leaf is all that there is.
 */
async function* proofLines(deps: Deps, order: BundleOrder, hashes: SubtreeHashes | undefined) {
  const whole: Span = [0, order.checkpoint.size]
  const expired = order.scope === 'whole' ? expiredOf(deps, order) : undefined
  let gone = await expired?.next()
  const takeUntil = async function* (place: number) {
    for (; gone?.value && gone.value.logIndex < place; gone = await expired?.next()) {
      const { logIndex, hash } = gone.value
      yield `${canonicalJson({ logIndex, leaf: toBase64(hash), expired: true })}\n`
    }
  }
  for await (const { logIndex, hash, text } of entriesOf(deps, order)) {
    yield* takeUntil(logIndex)
    const path =
      hashes && inclusionSpans(logIndex, whole).map((span) => toBase64(hashes.hashOf(span)))
    yield `${canonicalJson({ logIndex, id: idIn(text), leaf: toBase64(hash), path })}\n`
  }
  yield* takeUntil(order.checkpoint.size)
}

/** `?` where the text was altered into none. */
function idIn(text: string): string {
  try {
    return String((JSON.parse(text) as { id: string }).id)
  } catch {
    return '?'
  }
}

async function* expiredOf({ store }: Deps, { checkpoint }: BundleOrder): AsyncGenerator<Leaf> {
  for (let after = 0; ; ) {
    const page = { after, limit: pageLeaves }
    const leaves = await store.evidence.readExpired(checkpoint.tenantId, page)
    yield* leaves
    if (leaves.length < pageLeaves) return
    after = leaves.at(-1)?.position ?? after
    await breathe()
  }
}

type Gathered = {
  readonly hashes: SubtreeHashes
  readonly covering: KeptCheckpoint | undefined
}

/** One pass over the leaves: the hashes that prove the selected events, and that the log went on from an earlier checkpoint. */
async function gather(
  { store }: Deps,
  { checkpoint, signal }: BundleOrder,
  spans: ReadonlyArray<readonly [number, number]>,
): Promise<Gathered> {
  const { tenantId, size } = checkpoint
  const hashes = await wantedHashes(spans, size)
  const covering = await store.evidence.checkpointOver(tenantId, spans.at(-1)?.[1] ?? 0)
  const witnessed = await store.evidence.cosignatures(tenantId, size)
  for (const one of [...(covering ? [covering] : []), ...witnessed])
    for (const span of consistencySpans(one.size, size)) hashes.want(span)
  const frontier = new Frontier()
  for (let after = 0; frontier.size < size; ) {
    const leaves = await store.evidence.readLeaves(tenantId, { after, limit: pageLeaves })
    for (const { hash } of leaves.slice(0, size - frontier.size)) frontier.push(hash, hashes.see)
    after = leaves.at(-1)?.position ?? Number.MAX_SAFE_INTEGER
    if (leaves.length === 0) throw new RangeError('the log is shorter than its checkpoint')
    await breathe()
    signal.throwIfAborted()
  }
  return { hashes, covering }
}

async function wantedHashes(
  spans: ReadonlyArray<readonly [number, number]>,
  size: number,
): Promise<SubtreeHashes> {
  const hashes = new SubtreeHashes()
  for (const [first, last] of spans)
    for (let index = first; index <= last; index += 1) {
      for (const span of inclusionSpans(index, [0, size])) hashes.want(span)
      if (index % pageLeaves === 0) await breathe()
    }
  return hashes
}

/** Smallest first; the last is the one that everything is proven by. */
async function* checkpointLines(
  { store }: Deps,
  { checkpoint, scope }: BundleOrder,
  proofs: Gathered | undefined,
) {
  const { size, tenantId } = checkpoint
  const earlier =
    scope === 'whole'
      ? await store.evidence.checkpoints(tenantId, Math.ceil(size / maxCheckpoints) || 1)
      : proofs?.covering
        ? [proofs.covering]
        : []
  for (const one of earlier.filter((kept) => kept.size < size)) {
    const consistency = consistencyOf(proofs, one.size, size)
    yield `${canonicalJson({ at: one.at, note: one.note, consistency })}\n`
  }
  yield `${canonicalJson({ at: checkpoint.at, note: checkpoint.note })}\n`
}

/** Of each agent the largest tree that it has signed, as the note with its signature. */
async function* witnessLines(
  { store }: Deps,
  { checkpoint: { tenantId, size } }: BundleOrder,
  proofs: Gathered | undefined,
) {
  const signed: KeptCosignature[] = await store.evidence.cosignatures(tenantId, size)
  for (const { size: from, line, key: witness } of signed) {
    const kept = await store.evidence.checkpointOver(tenantId, from - 1)
    if (kept?.size !== from) throw new RangeError(`no checkpoint of ${from} events`)
    const consistency = consistencyOf(proofs, from, size)
    yield `${canonicalJson({ note: kept.note + line, witness, consistency })}\n`
  }
}

/** Undefined in a bundle of the whole log, whose reader builds the tree himself. */
function consistencyOf(proofs: Gathered | undefined, from: number, size: number) {
  return proofs && consistencySpans(from, size).map((span) => toBase64(proofs.hashes.hashOf(span)))
}

async function* unlessCut(lines: AsyncIterable<string>, signal: AbortSignal) {
  for await (const line of lines) {
    signal.throwIfAborted()
    yield line
  }
  signal.throwIfAborted()
}

/** In chunks worth deflating: line by line took four times as long. */
async function* described(
  lines: AsyncIterable<string>,
  tell: (facts: FileFacts) => void,
): AsyncGenerator<Buffer> {
  const digest = createHash('sha256')
  let bytes = 0
  let waiting = ''
  const take = () => {
    const chunk = Buffer.from(waiting)
    waiting = ''
    digest.update(chunk)
    bytes += chunk.length
    return chunk
  }
  for await (const line of lines) {
    waiting += line
    if (waiting.length >= chunkChars) yield take()
  }
  yield take()
  tell({ bytes, sha256: digest.digest('hex') })
}

async function* list(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines
}
