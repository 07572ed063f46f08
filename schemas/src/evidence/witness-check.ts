/** What agents have signed of the log of a bundle, and whether it is this log. */
import { type BundleReader, parseLine } from './bundle-reader.ts'
import { fromBase64, isSame } from './bytes.ts'
import { parseCheckpoint } from './checkpoint.ts'
import { type Text, witnessFindings } from './findings.ts'
import type { Manifest } from './manifest.ts'
import { consistency, type Tree } from './merkle.ts'
import { type NoteKey, openNote, parseNoteKey } from './note.ts'
import type { NotedTree } from './noted-tree.ts'
import type { Trust } from './trust.ts'

/** An agent, how many events of the log it confirms, and whether its key was given rather than taken from the bundle. */
export type Confirmation = {
  readonly name: string
  readonly size: number
  readonly isKeyGiven: boolean
}
/** A fork is only what differs from a root that the log itself has signed, or that such a one proves. */
export type Standing = 'confirms' | 'fork' | 'untold'
export type WitnessedTree = {
  readonly name: string
  readonly tree: Tree
  /** Of a selection: from this tree to that of the bundle. */
  readonly proof: readonly Uint8Array[]
  readonly isKeyGiven: boolean
}
type Line = { note: string; witness: string; consistency: string[] }
type Known = { manifest: Manifest; trust: Trust; given: readonly NoteKey[] }

type Witnesses = {
  readonly trees: readonly WitnessedTree[]
  readonly wrong: readonly Text[]
  readonly missing: readonly Text[]
}

export async function checkWitnesses(reader: BundleReader, known: Known): Promise<Witnesses> {
  const { manifest } = known
  const trees: WitnessedTree[] = []
  const wrong: Text[] = []
  const missing: Text[] = []
  let lines = 0
  if (manifest.files.witnesses)
    for await (const line of reader.lines('witnesses', manifest, (text) => wrong.push(text))) {
      lines += 1
      const one = witnessedIn(parseLine<Line>(line), known)
      if (!one) wrong.push(witnessFindings.unsigned(lines))
      else if (one.tree.size > manifest.size)
        missing.push(witnessFindings.longer(one.name, one.tree.size, manifest.size))
      else trees.push(one)
    }
  return { trees, wrong, missing }
}

/** In a selection: a proof that does not lead to the tree of the bundle refutes nobody. */
export function standingIn(
  { tree: witnessed, proof }: WitnessedTree,
  own: readonly NotedTree[],
  tree: Tree | undefined,
): Standing {
  const ofSize = own.filter(({ size }) => size === witnessed.size)
  if (ofSize.some(({ root }) => !isSame(root, witnessed.root))) return 'fork'
  const found = tree ? consistency(witnessed, tree, proof) : 'unproven'
  return found === 'same' ? 'confirms' : found === 'other' ? 'fork' : 'untold'
}

/** What is told of each, the furthest first. */
export function told(trees: readonly WitnessedTree[], standings: readonly Standing[]) {
  const those = (standing: Standing) =>
    trees
      .filter((_, index) => standings[index] === standing)
      .map(({ name, tree, isKeyGiven }) => ({ name, size: tree.size, isKeyGiven }))
      .sort((a, b) => b.size - a.size)
  return {
    forks: those('fork').map(({ name, size }) => witnessFindings.fork(name, size)),
    ...{ witnesses: those('confirms'), untold: those('untold') },
  }
}

/** Its signature must be that of the key beside it, or of the one that the reader knows by this name. */
function witnessedIn(
  { note, witness, consistency }: Partial<Line>,
  { manifest, trust, given }: Known,
): WitnessedTree | undefined {
  const said = parseNoteKey(String(witness))
  if (!said?.isWitness) return undefined
  const ofName = given.find((key) => key.isWitness && key.name === said.name)
  if (ofName && !isSame(ofName.publicKey, said.publicKey)) return undefined
  const opened = openNote(String(note), [said, ...trust.known])
  const tree = opened && parseCheckpoint(opened.text)
  if (!opened?.by.includes(said) || tree?.origin !== manifest.origin) return undefined
  const proof = Array.isArray(consistency) ? consistency.map((one) => fromBase64(String(one))) : []
  return { name: said.name, tree, proof, isKeyGiven: ofName !== undefined }
}
