/** Checkpoints (c2sp.org/tlog-checkpoint): the size and root of one tenant's tree, as the text of a signed note. */
import { fromBase64, toBase64 } from './bytes.ts'
import { type NoteKey, openNote } from './note.ts'

export type Checkpoint = {
  /** Of which deployment and tenant; also the name that its keys sign as. */
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
}

const rootBytes = 32

/** Stable over restarts and moves of the deployment; no address, since addresses change. */
export function originOf(nodeId: string, tenantId: string): string {
  return `travessia/${nodeId}/${tenantId}`
}

export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`
}

/** Undefined for a text of another form. Lines after the third are allowed and say nothing. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [, origin, digits, base64 = ''] =
    /^(.+)\n(0|[1-9]\d{0,14})\n([A-Za-z0-9+/]+=*)\n(?:.+\n)*$/.exec(text) ?? []
  const root = fromBase64(base64)
  if (origin === undefined || root.length !== rootBytes || toBase64(root) !== base64)
    return undefined
  return { origin, size: Number(digits), root }
}

/** The name that an agent counter-signs as. */
export function witnessName(agentId: string): string {
  return `travessia/agent/${agentId}`
}

/** Undefined unless one of these keys has signed it in its own name. */
export function openCheckpoint(note: string, keys: readonly NoteKey[]): Checkpoint | undefined {
  const opened = openNote(note, keys)
  const checkpoint = opened && parseCheckpoint(opened.text)
  return checkpoint && opened.by.every(({ name }) => name === checkpoint.origin)
    ? checkpoint
    : undefined
}
