/**
 * Checks a bundle with nothing but itself and, better, a key that the checker knows from elsewhere: no server, no network.
 * Two verdicts: whether what is there is what was signed, and whether anything is not there. Memory: 100 bytes an event.
 */

import type { RecordedEvent } from '../events.ts'
import { recordingGapOf } from '../recording-gaps.ts'
import { BlobCheck, type BlobReport } from './blob-check.ts'
import { BundleReader, hashesOf, parseLine } from './bundle-reader.ts'
import { toBase64 } from './bytes.ts'
import { compareEvents, type Found, type Logged, type Problem } from './compare-events.ts'
import { type Judged, type Line, Retentions } from './expired.ts'
import {
  checkpointFindings,
  eventText,
  fileText,
  gapText,
  proofFindings,
  type Text,
} from './findings.ts'
import { fileNames, type Manifest, openManifest } from './manifest.ts'
import { consistency, leafHash, type Tree } from './merkle.ts'
import { type NoteKey, noteKeyText, parseNoteKey } from './note.ts'
import { type NotedTree, notedTree, treesBefore } from './noted-tree.ts'
import { ProofCheck } from './proof-check.ts'
import type { RandomFile } from './random-file.ts'
import { SessionCheck, type SessionPart } from './session-check.ts'
import { StreamCheck } from './stream-check.ts'
import { type Trust, trustOf } from './trust.ts'
import type { Placed, WholeLog } from './whole-log.ts'
import {
  type Confirmation,
  checkWitnesses,
  type Standing,
  standingIn,
  told,
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
  /** What a retention says of their age and nothing else confirms. */
  readonly unconfirmed: readonly Text[]
  /** Where a session alone was asked for: how much of it is here. */
  readonly session?: SessionPart | undefined
  /** Recording gaps that the log itself tells of. */
  readonly gaps: readonly Text[]
  /** Bodies and recordings that are there as they were kept, and those of erased people. */
  readonly bodies: Pick<BlobReport, 'kept' | 'erased'>
  /** Agents that have signed this same log, the furthest first. */
  readonly witnesses: readonly Confirmation[]
  /** Agents of whose signature cannot be told whether it is of this log. */
  readonly untold: readonly Confirmation[]
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
    const nothing = {
      events: 0,
      expired: 0,
      unconfirmed: [],
      gaps: [],
      bodies: { kept: 0, erased: 0 },
    }
    return { ...head, ...nothing, wrong, missing: [], witnesses: [], untold: [] }
  }
  if (knowledge.since && manifest.scope === 'selection')
    throw new RangeError('only a bundle of the whole log can be compared with an earlier one')
  const of = { origin: manifest.origin, keys: trust.known }
  const before = knowledge.since ? await treesBefore(knowledge.since, of) : []
  const witnesses = await checkWitnesses(reader, { manifest, trust, given: knowledge.keys ?? [] })
  const check = new Check(reader, manifest, { trust, before, witnessed: witnesses.trees })
  const { standings, ...report } = await check.run()
  const { forks, ...agents } = told(witnesses.trees, standings)
  return {
    ...{ ...head, ...report, ...agents, manifest },
    wrong: [...report.wrong, ...witnesses.wrong, ...forks],
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

type Known = {
  readonly trust: Trust
  readonly before: readonly NotedTree[]
  readonly witnessed: readonly WitnessedTree[]
}
type Checked = Pick<
  Report,
  'wrong' | 'missing' | 'events' | 'expired' | 'unconfirmed' | 'gaps' | 'bodies' | 'session'
> & {
  readonly standings: readonly Standing[]
}

class Check {
  readonly #reader: BundleReader
  readonly #manifest: Manifest
  readonly #known: Known
  readonly #wrong: Text[] = []
  /** Of the files of events and proofs: said only where nothing in them can be named. */
  readonly #unnamed: Text[] = []
  /** Of the other files: said last. */
  readonly #files: Text[] = []
  readonly #gaps: Text[] = []
  readonly #retentions = new Retentions()
  readonly #streams = new StreamCheck()
  readonly #blobs = new BlobCheck()
  readonly #session: SessionCheck

  constructor(reader: BundleReader, manifest: Manifest, known: Known) {
    this.#reader = reader
    this.#manifest = manifest
    this.#session = new SessionCheck(manifest)
    this.#known = known
  }

  async run(): Promise<Checked> {
    const { size, files } = this.#manifest
    const { before, witnessed } = this.#known
    const { own, tree } = await this.#checkpoints()
    const proofs = new ProofCheck({
      ...{ manifest: this.#manifest, tree },
      said: { own, before: before.filter((one) => one.size <= size) },
      sizes: witnessed.map((one) => one.tree.size),
    })
    for await (const line of this.#lines('proofs')) proofs.see(line)
    for await (const _line of this.#lines('keys'));
    if (files.keyChanges) for await (const _line of this.#lines('keyChanges'));
    const found = await this.#events(proofs.expired.length > 0)
    const { logged, log } = proofs.settle(found)
    const { wrong, missing } = compareEvents(logged, found)
    const [named, absent] = [withUnproven(wrong, logged, log), missing.map(eventText)]
    const isNamed = [named, absent, proofs.wrong, proofs.missing].some(({ length }) => length > 0)
    const bodies = await this.#blobs.report(this.#reader, this.#manifest)
    const last = before.at(-1)?.size ?? 0
    const gone = this.#gone(logged, proofs.expired)
    return {
      ...{ events: found.leaves.length, expired: proofs.expired.length, gaps: this.#gaps, bodies },
      session: this.#session.part(),
      unconfirmed: gone.unconfirmed,
      standings: witnessed.map((one) => log?.standingOf(one.tree) ?? standingIn(one, own, tree)),
      wrong: [
        ...[...named, ...this.#wrong, ...(log?.apart() ?? []), ...proofs.wrong],
        ...[...gone.wrong, ...(isNamed ? [] : this.#unnamed), ...this.#files, ...bodies.wrong],
      ],
      missing: [
        ...[...absent, ...proofs.missing],
        ...(last > size ? [checkpointFindings.shorterThanBefore(last, size)] : []),
        ...[...gone.missing, ...this.#session.missing(), ...bodies.missing],
      ],
    }
  }

  /** The signed trees; `tree` is that of the whole bundle. */
  async #checkpoints(): Promise<{ own: NotedTree[]; tree: NotedTree | undefined }> {
    const { origin, size, scope } = this.#manifest
    const noted: Array<{ tree: NotedTree | undefined; proof: Uint8Array[] }> = []
    for await (const text of this.#lines('checkpoints')) {
      const { note, consistency } = parseLine<{ note: string; consistency: unknown }>(text)
      const of = { origin, keys: this.#known.trust.known, line: noted.length + 1 }
      noted.push({ tree: notedTree(String(note), of), proof: hashesOf(consistency) })
    }
    // In a whole log it is seen later which signatures matter.
    const isSigned = (tree: NotedTree | undefined, index: number) =>
      tree && ((scope === 'whole' && index < noted.length - 1) || tree.isSigned())
    for (const [index, { tree }] of noted.entries())
      if (!isSigned(tree, index)) this.#wrong.push(checkpointFindings.unsigned(index + 1))
    const signed = noted.filter((one, index) => isSigned(one.tree, index))
    const tree = noted.at(-1) === signed.at(-1) ? signed.at(-1)?.tree : undefined
    if (tree?.size !== size) this.#wrong.push(checkpointFindings.notLast(size))
    if (scope === 'selection' && tree)
      for (const one of signed) if (one.tree) this.#compare(one.tree, tree, one.proof)
    const own = signed.flatMap((one) => one.tree ?? []).filter((one) => one.size <= size)
    return { own, tree }
  }

  /** Of a selection: whether its log went on from an earlier state. */
  #compare(earlier: Tree, tree: Tree, proof: readonly Uint8Array[]): void {
    if (earlier === tree) return
    const found = consistency(earlier, tree, proof)
    if (found === 'other') this.#wrong.push(checkpointFindings.notBeginning(earlier.size))
    if (found === 'unproven') this.#wrong.push(checkpointFindings.unshown(earlier.size))
  }

  /** What has expired, and what is said to have. */
  #gone({ leaves, places }: Logged, expired: readonly Placed[]): Judged {
    const { scope, createdAt } = this.#manifest
    if (scope === 'selection' || (expired.length === 0 && this.#retentions.areNone))
      return { wrong: [], missing: [], unconfirmed: [] }
    this.#retentions.passed(Date.parse(createdAt))
    const placeOf = new Map(leaves.map((leaf, n) => [leaf, places[n] ?? 0]))
    const judged = this.#retentions.judge(placeOf, expired)
    return { ...judged, wrong: [...judged.wrong, ...this.#streams.wrong(placeOf)] }
  }

  async #events(haveExpired: boolean): Promise<Found> {
    const found: { ids: string[]; leaves: string[] } = { ids: [], leaves: [] }
    for await (const line of this.#lines('events')) {
      const leaf = toBase64(leafHash(line))
      found.leaves.push(leaf)
      const event = parseLine<Line>(line)
      found.ids.push(String(event.id))
      this.#session.see(event)
      this.#blobs.see(event as Partial<RecordedEvent>)
      this.#retentions.see(event, leaf)
      if (haveExpired) this.#streams.see(event, leaf)
      const gap = recordingGapOf(event)
      if (gap !== undefined) this.#gaps.push(gapText(gap, String(event.id)))
    }
    return found
  }

  #lines(name: keyof Manifest['files']): AsyncGenerator<Uint8Array> {
    const isThere = this.#reader.has(fileNames[name])
    const isOfEvents = name === 'events' || (name === 'proofs' && isThere)
    const said = isOfEvents ? this.#unnamed : isThere ? this.#files : this.#wrong
    return this.#reader.lines(name, this.#manifest, (problem) => said.push(problem))
  }
}

/** The first part of a whole log that is not proven comes after the events in it, or before it, that are named. */
function withUnproven(
  wrong: readonly Problem[],
  { places, ids }: Logged,
  log: WholeLog | undefined,
): Text[] {
  const span = log?.unproven()
  const texts = wrong.map(eventText)
  if (!span) return texts
  const { first, last, hole } = span
  const id = first === last ? ids[places.indexOf(first)] : undefined
  const text =
    hole === undefined ? proofFindings.unproven(first, last, id) : proofFindings.untold(first, hole)
  const after = wrong.findIndex(({ place = 0 }) => place > last)
  return texts.toSpliced(after < 0 ? texts.length : after, 0, text)
}
