/** For tests: the proof of one event of a small log, as a node gives it. */
import type { EventProof } from '../api/audit.ts'
import { toBase64 } from './bytes.ts'
import { checkpointText } from './checkpoint.ts'
import { Frontier, inclusionSpans, leafHash, SubtreeHashes } from './merkle.ts'
import { noteKey, noteKeyText, type Signer, signNote } from './note.ts'

export const [size, logIndex] = [7, 4]

/** @param texts of the whole log */
export function proofIn(texts: readonly string[], origin: string, signer: Signer): EventProof {
  const spans = inclusionSpans(logIndex, [0, size])
  const hashes = new SubtreeHashes()
  for (const span of spans) hashes.want(span)
  const frontier = new Frontier()
  for (const text of texts) frontier.push(leafHash(text), hashes.see)
  const text = texts[logIndex] ?? ''
  const path = spans.map((span) => toBase64(hashes.hashOf(span)))
  const note = signNote(origin, checkpointText({ origin, size, root: frontier.root() }), [signer])
  return {
    ...{ logIndex, origin, text, leaf: toBase64(leafHash(text)) },
    keys: [noteKeyText(noteKey(origin, signer.publicKey))],
    proof: { path, note, at: '2026-11-24T12:00:00.000Z' },
  }
}
