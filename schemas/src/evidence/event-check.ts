/** What the proof of one event says of it, to who believes one of the keys that came with it, and of the hash it was cited by. */
import type { EventProof } from '../api/audit.ts'
import { fromBase64, isSame, toHex } from './bytes.ts'
import { openCheckpoint } from './checkpoint.ts'
import { isIncluded, leafHash, type Tree } from './merkle.ts'
import { parseNoteKey } from './note.ts'

/**
 * `expired`: its hash is what was signed, its text is gone. `unsigned`: not covered yet. `altered`: its text is not what was
 * hashed. `missing`: taken out. `unproven`: nothing leads from its hash to what these keys have signed.
 */
export type EventStanding = 'proven' | 'expired' | 'unsigned' | 'altered' | 'missing' | 'unproven'

export type EventCheck = {
  readonly standing: EventStanding
  /** Of the event, as it is cited: hexadecimal. */
  readonly hash: string
  /** Cited by another hash than what is there: it is not the event that was meant. */
  readonly isOther: boolean
  /** What was signed, where that is known. */
  readonly tree: Tree | undefined
}

export function checkEvent(found: EventProof, cited: string | null): EventCheck {
  const hash = toHex(fromBase64(found.leaf ?? ''))
  const tree = treeOf(found)
  const isThere = found.leaf !== undefined
  const isOther = isThere && cited !== null && cited.trim().toLowerCase() !== hash
  return { standing: standingOf(found, tree), hash, isOther, tree }
}

function standingOf({ logIndex, text, leaf, proof }: EventProof, tree: Tree | undefined) {
  if (leaf === undefined) return 'missing'
  const hash = fromBase64(leaf)
  if (text !== undefined && !isSame(leafHash(text), hash)) return 'altered'
  if (!proof) return 'unsigned'
  if (!tree || !isIncluded(hash, logIndex, tree, proof.path.map(fromBase64))) return 'unproven'
  return text === undefined ? 'expired' : 'proven'
}

/** That one of the keys has signed, of this very log. */
function treeOf({ origin, keys, proof }: EventProof): Tree | undefined {
  const known = keys.flatMap((key) => parseNoteKey(key) ?? [])
  const checkpoint = proof && openCheckpoint(proof.note, known)
  return checkpoint?.origin === origin ? checkpoint : undefined
}
