/**
 * What a bundle says of itself: which events of whose log, up to which size, and the digest of each of its files. A note in the
 * name of the log's `/manifest`, so that no manifest is a checkpoint and no checkpoint a manifest.
 */
import { type Static, Type } from 'typebox'
import { Check } from 'typebox/value'
import { canonicalJson } from '../canonical-json.ts'
import { idPattern } from '../ids.ts'
import { type NoteKey, noteKey, openNote } from './note.ts'

export const fileNames = {
  events: 'events.jsonl',
  proofs: 'proofs.jsonl',
  checkpoints: 'checkpoints.jsonl',
  keys: 'keys.txt',
  keyChanges: 'key-changes.jsonl',
  witnesses: 'witnesses.jsonl',
  manifest: 'manifest.note',
} as const
type Described = Exclude<keyof typeof fileNames, 'manifest'>

const count = Type.Integer({ minimum: 0 })
const fileFacts = Type.Object({ bytes: count, sha256: Type.String() })
const manifestSchema = Type.Object({
  origin: Type.String(),
  tenantId: Type.String({ pattern: idPattern }),
  createdAt: Type.String(),
  /** `whole`: the log from its first event on. `selection`: what the filter lets through. */
  scope: Type.Enum(['whole', 'selection']),
  filter: Type.Record(Type.String(), Type.Unknown()),
  /** Of the tree that everything here is proven by. */
  size: count,
  /** First and last place in the log of each unbroken row of events. */
  spans: Type.Array(Type.Tuple([count, count])),
  /** Absent: nobody's bodies are erased, and none were left out for their number. */
  bodies: Type.Optional(
    Type.Object({
      erased: Type.Optional(Type.Array(Type.String({ pattern: idPattern }))),
      isCut: Type.Optional(Type.Boolean()),
    }),
  ),
  files: Type.Object({
    events: fileFacts,
    proofs: fileFacts,
    checkpoints: fileFacts,
    keys: fileFacts,
    /** Absent in bundles of before there were any. */
    keyChanges: Type.Optional(fileFacts),
    witnesses: Type.Optional(fileFacts),
  } satisfies Record<Described, unknown>),
})
export type Manifest = Static<typeof manifestSchema>
export type FileFacts = Static<typeof fileFacts>

const head = 'travessia manifest 1\n'
const maxEvents = 20_000_000

export function manifestName(origin: string): string {
  return `${origin}/manifest`
}

export function manifestText(manifest: Manifest): string {
  return `${head}${canonicalJson(manifest)}\n`
}

/** Undefined unless one of the log's keys has signed it. */
export function openManifest(note: string, keys: readonly NoteKey[]): Manifest | undefined {
  const own = keys.map(({ name, publicKey }) => noteKey(manifestName(name), publicKey))
  const opened = openNote(note, own)
  if (!opened?.text.startsWith(head)) return undefined
  const manifest: unknown = JSON.parse(opened.text.slice(head.length))
  // Not compiled: a page with a strict policy may not make code.
  if (!Check(manifestSchema, manifest)) return undefined
  return opened.by.every(({ name }) => name === manifestName(manifest.origin))
    ? manifest
    : undefined
}

/** Whether a file of the bundle is the manifest, or one whose digest stands in it. */
export function isDescribed(name: string, { files }: Manifest): boolean {
  if (name === fileNames.manifest) return true
  return Object.keys(files).some((file) => fileNames[file as Described] === name)
}

/** Where each event of the bundle stands in the log. @throws RangeError for more than anybody can check */
export function placesOf({ spans }: Manifest): number[] {
  const places: number[] = []
  const total = spans.reduce((sum, [first, last]) => sum + Math.max(0, last - first + 1), 0)
  if (total > maxEvents) throw new RangeError(`no bundle: it says that it has ${total} events`)
  for (const [first, last] of spans)
    for (let place = first; place <= last; place += 1) places.push(place)
  return places
}
