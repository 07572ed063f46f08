/**
 * Checks a bundle with nothing but itself and, better, a key that the checker knows from elsewhere: no server, no network.
 * Two verdicts: whether what is there is what was signed, and whether anything is not there. Memory: 100 bytes an event.
 */

import type { RecordedEvent } from '../events.ts'
import { recordingGapOf } from '../recording-gaps.ts'
import { BlobCheck, type BlobReport } from './blob-check.ts'
import { BundleReader, hashesOf, parseLine } from './bundle-reader.ts'
import { fromBase64, isSame, textOf, toBase64 } from './bytes.ts'
import { openCheckpoint } from './checkpoint.ts'
import { compareEvents, type Found, type Logged } from './compare-events.ts'
import { Expired } from './expired.ts'
import {
  checkpointFindings,
  eventText,
  fileText,
  gapText,
  proofFindings,
  type Text,
} from './findings.ts'
import { fileNames, type Manifest, openManifest, placesOf } from './manifest.ts'
import { Frontier, isConsistent, isIncluded, leafHash, type Tree } from './merkle.ts'
import { type NoteKey, noteKeyText, parseNoteKey } from './note.ts'
import type { RandomFile } from './random-file.ts'
import { type Trust, trustOf } from './trust.ts'
import {
  type Confirmation,
  checkWitnesses,
  confirmationsOf,
  forksOf,
  type WitnessedTree,
} from './witness-check.ts'

export type Report = {
  /** What is there and is not what was signed; events first, in their order. Empty: intact. */
  readonly wrong: readonly Text[]
  /** What was signed and is not there. Empty: complete. */
  readonly missing: readonly Text[]
  readonly manifest?: Manifest
  readonly events: number
  /** Their leaves are there, their texts were removed by a retention that the log tells of. */
  readonly expired: number
  /** Recording gaps that the log itself tells of. */
  readonly gaps: readonly Text[]
  /** Bodies and recordings that are there as they were kept, and those of erased people. */
  readonly bodies: Pick<BlobReport, 'kept' | 'erased'>
  /** Agents that have signed this same log, the furthest first. */
  readonly witnesses: readonly Confirmation[]
  /** Whose word it is; from the bundle itself unless they were given. */
  readonly keys: readonly string[]
  readonly areKeysGiven: boolean
  /** Keys of today that these have vouched for. */
  readonly learned: readonly string[]
}
export type Knowledge = {
  /** Of the log and of witnesses, from elsewhere. */
  readonly keys?: readonly NoteKey[]
  /** A bundle of the whole log from before, or a checkpoint that somebody kept. */
  readonly since?: RandomFile
}

const maxNoteBytes = 1 << 20

type Proof = { logIndex: number; id: string; leaf: string; path: unknown; expired: unknown }

type Line = { id: string; type: string; data: { cause?: string; spans?: unknown } }

/** @throws RangeError for what is no bundle at all, or an earlier state that cannot be used */
export async function verifyBundle(file: RandomFile, knowledge: Knowledge): Promise<Report> {
  const reader = await BundleReader.open(file)
  const given = knowledge.keys?.filter(({ isWitness }) => !isWitness) ?? []
  const keys = given.length > 0 ? given : await ownKeys(reader)
  const trust = trustOf(keys, await changesIn(reader))
  const head = {
    ...{ keys: keys.map(noteKeyText), areKeysGiven: given.length > 0 },
    learned: trust.learned.map(noteKeyText),
  }
  const manifest = await manifestOf(reader, trust.current)
  if (!manifest) {
    const wrong = [fileText.unsigned(fileNames.manifest, head.keys)]
    const nothing = { events: 0, expired: 0, gaps: [], bodies: { kept: 0, erased: 0 } }
    return { ...head, ...nothing, wrong, missing: [], witnesses: [] }
  }
  if (knowledge.since && manifest.scope === 'selection')
    throw new RangeError('only a bundle of the whole log can be compared with an earlier one')
  const before = knowledge.since && (await signedBefore(knowledge.since, trust))
  const witnesses = await checkWitnesses(reader, { manifest, trust, given: knowledge.keys ?? [] })
  const check = new Check(reader, manifest, { trust, before, witnessed: witnesses.trees })
  const report = await check.run()
  return {
    ...{ ...head, ...report, manifest },
    witnesses: confirmationsOf(witnesses.trees, check.forked),
    wrong: [...report.wrong, ...witnesses.wrong, ...forksOf(witnesses.trees, check.forked)],
    missing: [...report.missing, ...witnesses.missing],
  }
}

async function ownKeys(reader: BundleReader): Promise<NoteKey[]> {
  const text = await reader.text(fileNames.keys)
  return text.split('\n').flatMap((line) => parseNoteKey(line) ?? [])
}

async function changesIn(reader: BundleReader): Promise<string[]> {
  if (!reader.has(fileNames.keyChanges)) return []
  const lines = (await reader.text(fileNames.keyChanges)).split('\n').slice(0, -1)
  return lines.map((line) =>
    String(parseLine<{ note: string }>(new TextEncoder().encode(line)).note),
  )
}

async function manifestOf(
  reader: BundleReader,
  keys: readonly NoteKey[],
): Promise<Manifest | undefined> {
  try {
    return openManifest(await reader.text(fileNames.manifest), keys)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/**
 * What a bundle taken earlier, or a note that somebody kept, says of the log.
 * @throws RangeError when none of these keys has signed it
 */
async function signedBefore(file: RandomFile, trust: Trust): Promise<Tree> {
  const checkpoint = openCheckpoint(await earlierNote(file), trust.known)
  if (!checkpoint) throw new RangeError('the earlier state is not signed by this key')
  return checkpoint
}

async function earlierNote(file: RandomFile): Promise<string> {
  const start = await file.read(0, Math.min(file.size, maxNoteBytes))
  if (textOf(start.subarray(0, 2)) !== 'PK') return textOf(start)
  const text = await (await BundleReader.open(file)).text(fileNames.checkpoints)
  const last = text.trimEnd().split('\n').at(-1) ?? ''
  return String(parseLine<{ note: string }>(new TextEncoder().encode(last)).note)
}

type Known = {
  readonly trust: Trust
  readonly before: Tree | undefined
  readonly witnessed: readonly WitnessedTree[]
}

class Check {
  readonly #reader: BundleReader
  readonly #manifest: Manifest
  readonly #known: Known
  readonly #wrong: Text[] = []
  readonly #missing: Text[] = []
  /** Of the file of events: said only where no event can be named. */
  readonly #unnamed: Text[] = []
  readonly #gaps: Text[] = []
  readonly #expired = new Expired()
  readonly #blobs = new BlobCheck()
  /** Names of witnesses that have signed another log. */
  readonly forked = new Set<string>()

  constructor(reader: BundleReader, manifest: Manifest, known: Known) {
    this.#reader = reader
    this.#manifest = manifest
    this.#known = known
  }

  async run(): Promise<
    Pick<Report, 'wrong' | 'missing' | 'events' | 'expired' | 'gaps' | 'bodies'>
  > {
    const { before } = this.#known
    const { tree, earlier } = await this.#checkpoints()
    const logged = await this.#proofs(tree, [...earlier, ...(before ? [before] : [])])
    if (before && before.size > this.#manifest.size)
      this.#missing.push(checkpointFindings.shorterThanBefore(before.size, this.#manifest.size))
    for await (const _line of this.#lines('keys'));
    if (this.#manifest.files.keyChanges) for await (const _line of this.#lines('keyChanges'));
    const found = await this.#events()
    this.#missing.push(...this.#expired.unsaid().map(proofFindings.unsaid))
    const bodies = await this.#blobs.report(this.#reader, this.#manifest)
    const { wrong, missing } = compareEvents(logged, found)
    if (wrong.length + missing.length === 0) this.#wrong.push(...this.#unnamed)
    return {
      ...{ events: found.leaves.length, expired: this.#expired.count, gaps: this.#gaps, bodies },
      wrong: [...wrong.map(eventText), ...this.#wrong, ...bodies.wrong],
      missing: [...missing.map(eventText), ...this.#missing, ...bodies.missing],
    }
  }

  /** The signed trees; the last one is that of the whole bundle. */
  async #checkpoints(): Promise<{ tree: Tree | undefined; earlier: Tree[] }> {
    const { origin, size, scope } = this.#manifest
    const lines: Array<{ tree: Tree | undefined; proof: Uint8Array[] }> = []
    for await (const line of this.#lines('checkpoints')) {
      const { note, consistency } = parseLine<{ note: string; consistency: unknown }>(line)
      const checkpoint = openCheckpoint(String(note), this.#known.trust.known)
      const isOfLog = checkpoint?.origin === origin
      if (!isOfLog) this.#wrong.push(checkpointFindings.unsigned(lines.length + 1))
      lines.push({ tree: isOfLog ? checkpoint : undefined, proof: hashesOf(consistency) })
    }
    const tree = lines.at(-1)?.tree
    if (tree?.size !== size) this.#wrong.push(checkpointFindings.notLast(size))
    const before = lines.slice(0, -1)
    if (scope === 'selection' && tree)
      for (const one of [...before, ...this.#known.witnessed])
        if (one.tree && !isConsistent(one.tree, tree, one.proof)) this.#notBeginning(one)
    return { tree, earlier: before.flatMap((one) => one.tree ?? []) }
  }

  #notBeginning(one: { tree: Tree | undefined } | WitnessedTree): void {
    if ('name' in one) this.forked.add(one.name)
    else this.#wrong.push(checkpointFindings.notBeginning(one.tree?.size ?? 0))
  }

  /** What was logged, by the proofs; each is checked against the signed tree. */
  async #proofs(tree: Tree | undefined, earlier: readonly Tree[]): Promise<Logged> {
    const places = placesOf(this.#manifest)
    const at = new Map(places.map((place, n) => [place, n]))
    const ids: Array<string | undefined> = places.map(() => undefined)
    const leaves = [...ids]
    const leads = this.#leadsTo(tree, earlier)
    let lines = 0
    for await (const line of this.#lines('proofs')) {
      const proof = parseLine<Proof>(line)
      const leaf = fromBase64(String(proof.leaf))
      if (proof.expired === true) {
        this.#seeExpired(proof, lines, leads(leaf, Number(proof.logIndex), undefined))
        continue
      }
      const n = at.get(Number(proof.logIndex))
      if (n !== undefined) {
        ids[n] = String(proof.id)
        leaves[n] = toBase64(leaf)
      }
      const name = `#${proof.logIndex} ${proof.id}`
      if (n !== lines) this.#wrong.push(proofFindings.misplaced(name))
      else if (!leads(leaf, places[n] ?? 0, proof.path)) this.#wrong.push(proofFindings.wrong(name))
      lines += 1
    }
    if (lines !== places.length) this.#missing.push(proofFindings.count(lines, places.length))
    const all = places.length + this.#expired.count
    if (this.#manifest.scope === 'whole' && all !== this.#manifest.size)
      this.#missing.push(proofFindings.part(all, this.#manifest.size))
    return { places, ids, leaves }
  }

  /** Its place is that of its leaf in the tree, which is built of all leaves in their order. */
  #seeExpired({ logIndex }: Partial<Proof>, events: number, leads: boolean): void {
    const place = events + this.#expired.count
    const name = `#${logIndex}`
    if (this.#manifest.scope === 'selection' || logIndex !== place)
      this.#wrong.push(proofFindings.misplaced(name))
    else if (!leads) this.#wrong.push(proofFindings.wrong(name))
    this.#expired.add(place)
  }

  /** Of a whole log the tree is built again, and must pass by each signed root; of a selection each event has its path. */
  #leadsTo(tree: Tree | undefined, earlier: readonly Tree[]) {
    if (this.#manifest.scope === 'selection')
      return (leaf: Uint8Array, place: number, path: unknown): boolean =>
        tree !== undefined && isIncluded(leaf, place, tree, hashesOf(path))
    const roots = rootsBySize([...earlier, ...(tree ? [tree] : [])])
    const witnessed = this.#known.witnessed
    const sizes = new Set([...roots.keys(), ...witnessed.map((one) => one.tree.size)])
    const frontier = new Frontier()
    return (leaf: Uint8Array): boolean => {
      frontier.push(leaf)
      if (!sizes.has(frontier.size)) return true
      const root = frontier.root()
      for (const { name, tree: signed } of witnessed)
        if (signed.size === frontier.size && !isSame(signed.root, root)) this.forked.add(name)
      return (roots.get(frontier.size) ?? []).every((one) => isSame(one, root))
    }
  }

  async #events(): Promise<Found> {
    const found: { ids: string[]; leaves: string[] } = { ids: [], leaves: [] }
    for await (const line of this.#lines('events')) {
      found.leaves.push(toBase64(leafHash(line)))
      const event = parseLine<Line>(line)
      found.ids.push(String(event.id))
      this.#blobs.see(event as Partial<RecordedEvent>)
      if (event.type === 'RetentionApplied') this.#expired.hear(event.data?.spans)
      const gap = recordingGapOf(event)
      if (gap !== undefined) this.#gaps.push(gapText(gap, String(event.id)))
    }
    return found
  }

  #lines(name: keyof Manifest['files']): AsyncGenerator<Uint8Array> {
    const said = name === 'events' ? this.#unnamed : this.#wrong
    return this.#reader.lines(name, this.#manifest, (problem) => said.push(problem))
  }
}

function rootsBySize(trees: readonly Tree[]): ReadonlyMap<number, readonly Uint8Array[]> {
  const roots = new Map<number, Uint8Array[]>()
  for (const { size, root } of trees) roots.set(size, [...(roots.get(size) ?? []), root])
  return roots
}
