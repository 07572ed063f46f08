/**
 * Checks a bundle with nothing but itself and, better, a key that the checker knows from elsewhere: no server, no network.
 * Two verdicts: whether what is there is what was signed, and whether anything is not there. Memory: 100 bytes an event.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { fromBase64, isSame, toBase64 } from '@travessia/schemas/evidence/bytes'
import { openCheckpoint } from '@travessia/schemas/evidence/checkpoint'
import {
  Frontier,
  isConsistent,
  isIncluded,
  leafHash,
  type Tree,
} from '@travessia/schemas/evidence/merkle'
import { type NoteKey, noteKeyText, parseNoteKey } from '@travessia/schemas/evidence/note'
import { compareEvents, type Found, type Logged, type Problem } from './compare-events.ts'
import { fileNames, type Manifest, openManifest } from './manifest.ts'
import { readDirectory, readEntry, type ZipEntry } from './zip.ts'

export type Report = {
  /** What is there and is not what was signed; events first, in their order. Empty: intact. */
  readonly wrong: readonly string[]
  /** What was signed and is not there. Empty: complete. */
  readonly missing: readonly string[]
  readonly manifest?: Manifest
  readonly events: number
  /** Recording gaps that the log itself tells of. */
  readonly gaps: readonly string[]
  /** Whose word it is; from the bundle itself unless they were given. */
  readonly keys: readonly string[]
  readonly areKeysGiven: boolean
}

const maxEvents = 20_000_000
const maxLineBytes = 16 << 20
const maxNoteBytes = 64 << 20

type Source = { readonly file: FileHandle; readonly entries: ReadonlyMap<string, ZipEntry> }
type Name = keyof Manifest['files']
type Proof = { logIndex: number; id: string; leaf: string; path: unknown }

/** @throws RangeError for what is no bundle at all */
export async function verifyBundle(
  path: string,
  givenKeys: readonly NoteKey[] = [],
  before?: Tree,
): Promise<Report> {
  const file = await open(path)
  try {
    const source = { file, entries: await readDirectory(file) }
    const keys = givenKeys.length > 0 ? givenKeys : await ownKeys(source)
    const head = { keys: keys.map(noteKeyText), areKeysGiven: givenKeys.length > 0 }
    const manifest = await manifestOf(source, keys)
    if (!manifest) {
      const wrong = [`${fileNames.manifest} is not signed by ${head.keys.join(' or ')}`]
      return { ...head, wrong, missing: [], events: 0, gaps: [] }
    }
    return { ...head, ...(await new Check(source, manifest, { keys, before }).run()) }
  } finally {
    await file.close()
  }
}

async function ownKeys(source: Source): Promise<NoteKey[]> {
  const text = await textOf(source, fileNames.keys)
  return text.split('\n').flatMap((line) => parseNoteKey(line) ?? [])
}

async function manifestOf(source: Source, keys: readonly NoteKey[]): Promise<Manifest | undefined> {
  try {
    return openManifest(await textOf(source, fileNames.manifest), keys)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

async function textOf({ file, entries }: Source, name: string): Promise<string> {
  const entry = entries.get(name)
  if (!entry || entry.bytes > maxNoteBytes) throw new RangeError(`no bundle: it has no ${name}`)
  const chunks: Buffer[] = []
  for await (const chunk of readEntry(file, entry)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/**
 * What a bundle taken earlier says of the log.
 * @throws RangeError when none of these keys has signed it
 */
export async function signedBefore(path: string, keys: readonly NoteKey[]): Promise<Tree> {
  const file = await open(path)
  try {
    const source = { file, entries: await readDirectory(file) }
    const text = await textOf(source, fileNames.checkpoints)
    const { note } = parse<{ note: string }>(Buffer.from(text.trimEnd().split('\n').at(-1) ?? ''))
    const known = keys.length > 0 ? keys : await ownKeys(source)
    const checkpoint = openCheckpoint(String(note), known)
    if (!checkpoint) throw new RangeError('the earlier bundle is not signed by this key')
    return checkpoint
  } finally {
    await file.close()
  }
}

class Check {
  readonly #source: Source
  readonly #manifest: Manifest
  readonly #keys: readonly NoteKey[]
  readonly #before: Tree | undefined
  readonly #wrong: string[] = []
  readonly #missing: string[] = []
  /** Of the file of events: said only where no event can be named. */
  readonly #unnamed: string[] = []
  readonly #gaps: string[] = []

  constructor(
    source: Source,
    manifest: Manifest,
    { keys, before }: { keys: readonly NoteKey[]; before: Tree | undefined },
  ) {
    if (before && manifest.scope === 'selection')
      throw new RangeError('only a bundle of the whole log can be compared with an earlier one')
    this.#source = source
    this.#manifest = manifest
    this.#keys = keys
    this.#before = before
  }

  async run(): Promise<Omit<Report, 'keys' | 'areKeysGiven'>> {
    const { tree, earlier } = await this.#checkpoints()
    const before = this.#before ? [this.#before] : []
    const logged = await this.#proofs(tree, [...earlier, ...before])
    for (const { size } of before)
      if (size > this.#manifest.size)
        this.#missing.push(`the log had ${size} events before, now ${this.#manifest.size}`)
    for await (const _line of this.#lines('keys'));
    const found = await this.#events()
    const { wrong, missing } = compareEvents(logged, found)
    if (wrong.length + missing.length === 0) this.#wrong.push(...this.#unnamed)
    return {
      ...{ manifest: this.#manifest, events: found.leaves.length, gaps: this.#gaps },
      wrong: [...wrong.map(sentenceOf), ...this.#wrong],
      missing: [...missing.map(sentenceOf), ...this.#missing],
    }
  }

  /** The signed trees; the last one is that of the whole bundle. */
  async #checkpoints(): Promise<{ tree: Tree | undefined; earlier: Tree[] }> {
    const { origin, size } = this.#manifest
    const lines: Array<{ tree: Tree | undefined; proof: Uint8Array[] }> = []
    for await (const line of this.#lines('checkpoints')) {
      const { note, consistency } = parse<{ note: string; consistency: unknown }>(line)
      const checkpoint = openCheckpoint(String(note), this.#keys)
      const isOfLog = checkpoint?.origin === origin
      if (!isOfLog)
        this.#wrong.push(`checkpoint ${lines.length + 1} is not signed for this log by this key`)
      lines.push({ tree: isOfLog ? checkpoint : undefined, proof: hashesOf(consistency) })
    }
    const tree = lines.at(-1)?.tree
    if (tree?.size !== size) this.#wrong.push(`the last checkpoint is not that of ${size} events`)
    const earlier = lines.slice(0, -1).flatMap((one) => one.tree ?? [])
    if (this.#manifest.scope === 'selection')
      for (const one of lines.slice(0, -1))
        if (one.tree && tree && !isConsistent(one.tree, tree, one.proof))
          this.#wrong.push(`the log of ${one.tree.size} events is not the beginning of the last`)
    return { tree, earlier }
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
      const proof = parse<Proof>(line)
      const leaf = fromBase64(String(proof.leaf))
      const n = at.get(Number(proof.logIndex))
      if (n !== undefined) {
        ids[n] = String(proof.id)
        leaves[n] = toBase64(leaf)
      }
      const said = `the proof of event #${proof.logIndex} ${proof.id}`
      if (n !== lines) this.#wrong.push(`${said} stands where another one belongs`)
      else if (!leads(leaf, places[n] ?? 0, proof.path))
        this.#wrong.push(`${said} does not lead to what was signed`)
      lines += 1
    }
    if (lines !== places.length)
      this.#missing.push(`there are ${lines} proofs, not ${places.length}`)
    if (this.#manifest.scope === 'whole' && places.length !== this.#manifest.size)
      this.#missing.push(`there are ${places.length} events of a log of ${this.#manifest.size}`)
    return { places, ids, leaves }
  }

  /** Of a whole log the tree is built again, and must pass by each signed root; of a selection each event has its path. */
  #leadsTo(tree: Tree | undefined, earlier: readonly Tree[]) {
    if (this.#manifest.scope === 'selection')
      return (leaf: Uint8Array, place: number, path: unknown): boolean =>
        tree !== undefined && isIncluded(leaf, place, tree, hashesOf(path))
    const all = [...earlier, ...(tree ? [tree] : [])]
    const frontier = new Frontier()
    return (leaf: Uint8Array): boolean => {
      frontier.push(leaf)
      const here = all.filter((one) => one.size === frontier.size)
      return here.every((one) => isSame(one.root, frontier.root()))
    }
  }

  async #events(): Promise<Found> {
    const found: { ids: string[]; leaves: string[] } = { ids: [], leaves: [] }
    for await (const line of this.#lines('events')) {
      found.leaves.push(toBase64(leafHash(line)))
      const event = parse<{ id: string; type: string; data: { cause?: string } }>(line)
      found.ids.push(String(event.id))
      if (event.type === 'RecordingGapDetected')
        this.#gaps.push(`recording gap (${event.data?.cause}), event ${event.id}`)
    }
    return found
  }

  /** Of one file, which is compared with its digest on the way; what cannot be read is a problem, not an end. */
  async *#lines(name: Name): AsyncGenerator<Buffer> {
    const facts = this.#manifest.files[name]
    const entry = this.#source.entries.get(fileNames[name])
    const digest = createHash('sha256')
    try {
      if (!entry) throw new RangeError(`${fileNames[name]} is not there`)
      yield* linesOf(readEntry(this.#source.file, entry), (chunk) => digest.update(chunk))
      if (digest.digest('hex') !== facts.sha256)
        throw new RangeError(`${fileNames[name]} is not the file that was signed`)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      const said = name === 'events' ? this.#unnamed : this.#wrong
      said.push(error.message)
    }
  }
}

function placesOf({ spans }: Manifest): number[] {
  const places: number[] = []
  const total = spans.reduce((sum, [first, last]) => sum + Math.max(0, last - first + 1), 0)
  if (total > maxEvents) throw new RangeError(`no bundle: it says that it has ${total} events`)
  for (const [first, last] of spans)
    for (let place = first; place <= last; place += 1) places.push(place)
  return places
}

function sentenceOf({ what, place, id }: Problem): string {
  const event = `event ${place === undefined ? '' : `#${place} `}${id}`
  return {
    altered: `${event} was altered`,
    missing: `${event} is missing`,
    reordered: `${event} stands in another place`,
    invented: `${event} was never logged`,
    repeated: `${event} is there again`,
  }[what]
}

async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  see: (chunk: Buffer) => void,
): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    see(chunk)
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    let from = 0
    for (let to = bytes.indexOf(10); to >= 0; to = bytes.indexOf(10, from)) {
      yield bytes.subarray(from, to)
      from = to + 1
    }
    rest = bytes.subarray(from)
    if (rest.length > maxLineBytes) throw new RangeError('a line is too long')
  }
  if (rest.length > 0) yield rest
}

/** A line that is no JSON says nothing; its digest tells that it was altered. */
function parse<T extends object>(line: Buffer): Partial<T> {
  try {
    const value: unknown = JSON.parse(line.toString())
    return typeof value === 'object' && value !== null ? (value as Partial<T>) : {}
  } catch {
    return {}
  }
}

function hashesOf(list: unknown): Uint8Array[] {
  return Array.isArray(list) ? list.map((text) => fromBase64(String(text))) : []
}
