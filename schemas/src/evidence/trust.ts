/** Whose signatures count for a bundle: keys that its reader gave, or its own word, followed through each change of keys. */
import { toHex } from './bytes.ts'
import { followKeys, keysName } from './key-changes.ts'
import { type NoteKey, noteKey } from './note.ts'

export type Trust = {
  /** Whose older signatures count. */
  readonly known: readonly NoteKey[]
  /** Who must have signed what is new. */
  readonly current: readonly NoteKey[]
  /** Vouched for, and not among those that were given. */
  readonly learned: readonly NoteKey[]
}

export function trustOf(keys: readonly NoteKey[], changes: readonly string[]): Trust {
  const given = new Set(keys.map(idOf))
  const known: NoteKey[] = []
  const current: NoteKey[] = []
  for (const name of new Set(keys.map((key) => key.name))) {
    const own = keys.filter((key) => key.name === name).map(({ publicKey }) => publicKey)
    const followed = followKeys(keysName(name), changes, own)
    known.push(...followed.known.map((key) => noteKey(name, key)))
    current.push(...followed.current.map((key) => noteKey(name, key)))
  }
  return { known, current, learned: current.filter((key) => !given.has(idOf(key))) }
}

function idOf({ name, publicKey }: NoteKey): string {
  return `${name} ${toHex(publicKey)}`
}
