/** Trees of the log as notes say them: those in a bundle, and those that somebody kept from before. */
import { BundleReader, parseLine } from './bundle-reader.ts'
import { textOf } from './bytes.ts'
import { openCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { fileNames } from './manifest.ts'
import type { Tree } from './merkle.ts'
import { type NoteKey, noteText } from './note.ts'
import type { RandomFile } from './random-file.ts'

export type NotedTree = Tree & {
  /** Which line of its file, from 1 on. */
  readonly line: number
  /** By a key of the log. Looked at where it matters: of ten thousand it takes seconds. */
  readonly isSigned: () => boolean
}
type Of = { readonly origin: string; readonly keys: readonly NoteKey[]; readonly line: number }

const maxNoteBytes = 1 << 20

/** Undefined: no checkpoint, or of another log. */
export function notedTree(note: string, { origin, keys, line }: Of): NotedTree | undefined {
  const said = parseCheckpoint(noteText(note))
  if (said?.origin !== origin) return undefined
  let isSigned: boolean | undefined
  return {
    ...{ size: said.size, root: said.root, line },
    isSigned: () => {
      isSigned ??= openCheckpoint(note, keys) !== undefined
      return isSigned
    },
  }
}

/**
 * What a bundle taken earlier, or a note that somebody kept, says of the log; smallest first.
 * @throws RangeError when none of these keys has signed its last
 */
export async function treesBefore(file: RandomFile, of: Omit<Of, 'line'>): Promise<NotedTree[]> {
  const notes = await earlierNotes(file)
  const trees = notes.flatMap((note, index) => notedTree(note, { ...of, line: index + 1 }) ?? [])
  const last = notedTree(notes.at(-1) ?? '', { ...of, line: notes.length })
  if (!last?.isSigned()) throw new RangeError('the earlier state is not signed by this key')
  return trees
}

async function earlierNotes(file: RandomFile): Promise<string[]> {
  const start = await file.read(0, Math.min(file.size, maxNoteBytes))
  if (textOf(start.subarray(0, 2)) !== 'PK') return [textOf(start)]
  const text = await (await BundleReader.open(file)).text(fileNames.checkpoints)
  const encoder = new TextEncoder()
  return text
    .trimEnd()
    .split('\n')
    .map((line) => String(parseLine<{ note: string }>(encoder.encode(line)).note))
}
