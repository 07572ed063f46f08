/**
 * Which keys sign for a deployment, change by change: each a note with the keys of from then on, signed by those of before and
 * those of after. Who knows one key follows the notes from there to the keys of today, and nobody else can lead him on.
 */
import { fromBase64, toBase64 } from './bytes.ts'
import { noteKey, openNote } from './note.ts'

const head = 'travessia keys 1\n'
const keyBytes = 32
/** Changes of keys that anybody has to follow. */
export const maxKeyChanges = 64

/** @param origin of a log of the deployment */
export function keysName(origin: string): string {
  return `${origin.slice(0, origin.lastIndexOf('/'))}/keys`
}

export function keyListText(keys: readonly Uint8Array[]): string {
  return `${head}${keys.map((key) => `${toBase64(key)}\n`).join('')}`
}

type FollowedKeys = {
  /** Have signed at some time, or sign now. */
  readonly known: readonly Uint8Array[]
  /** Sign now. */
  readonly current: readonly Uint8Array[]
}

/**
 * From these keys on: each change must be signed by a key of the one before it. What is before their first signature is skipped;
 * after a change that they cannot follow no key is current. Without any change they themselves are.
 */
export function followKeys(
  name: string,
  changes: readonly string[],
  from: readonly Uint8Array[],
): FollowedKeys {
  let known = from
  let current = from
  for (const change of changes.slice(0, maxKeyChanges)) {
    const listed = listedIn(name, change, current)
    if (!listed && known === from) continue
    current = listed ?? []
    known = [...known, ...current]
  }
  return { known, current }
}

/** What the last change lists if its own keys have signed it: of who knows none yet. */
export function firstKeys(name: string, changes: readonly string[]): readonly Uint8Array[] {
  const last = changes.at(-1) ?? ''
  const keys = parse(last.slice(0, last.lastIndexOf('\n\n') + 1)) ?? []
  return listedIn(name, last, keys) ?? []
}

function listedIn(
  name: string,
  change: string,
  signers: readonly Uint8Array[],
): readonly Uint8Array[] | undefined {
  const keys = signers.map((key) => noteKey(name, key))
  const opened = openNote(change, keys)
  return opened && parse(opened.text)
}

function parse(text: string): Uint8Array[] | undefined {
  if (!text.startsWith(head)) return undefined
  const keys = text.slice(head.length).split('\n').slice(0, -1).map(fromBase64)
  return keys.length > 0 && keys.every(({ length }) => length === keyBytes) ? keys : undefined
}
