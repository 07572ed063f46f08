/**
 * Looks at the whole log again, a row of 256 events at a time: each text is to be what was hashed, the columns by which lists
 * find it are to say what it says, and the hashes are to be those of the tree in memory. So what was changed in the file beside a
 * running node, or before its start, is found though nobody reads it. A thousand events a second, from the start on and each hour.
 */
import { isSame } from '@travessia/schemas/evidence/bytes'
import { Frontier } from '@travessia/schemas/evidence/merkle'
import type { EvidenceLog, Leaf } from '../store/evidence-log.ts'
import { rowLeaves, type TreeHashes } from './tree-hashes.ts'

const roundMs = 3_600_000
const rowsASecond = 4

type Log = { readonly tenantId: string; readonly hashes: TreeHashes }
type Deps = {
  readonly evidence: Pick<EvidenceLog, 'readLeaves' | 'firstAltered'>
  readonly logs: () => Iterable<Log>
  readonly altered: (tenantId: string, logIndex: number) => void
}

export class Recheck {
  readonly #deps: Deps
  /** Of the round that is under way. */
  #rows: Iterator<readonly [Log, number]> | undefined
  #nextAt = 0

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** To be called each second. */
  async second(now = performance.now()): Promise<void> {
    const { evidence, logs, altered } = this.#deps
    if (!this.#rows && now < this.#nextAt) return
    if (!this.#rows) this.#nextAt = now + roundMs
    this.#rows ??= rowsOf(logs())
    for (let count = 0; count < rowsASecond; count += 1) {
      const next = this.#rows.next()
      if (next.done) {
        this.#rows = undefined
        return
      }
      const [log, row] = next.value
      const logIndex = await firstAltered(evidence, log, row)
      if (logIndex !== undefined) altered(log.tenantId, logIndex)
    }
  }
}

function* rowsOf(logs: Iterable<Log>): Generator<readonly [Log, number]> {
  for (const log of logs)
    for (let row = 0; row * rowLeaves < log.hashes.size; row += 1) yield [log, row]
}

/** In the row of this event; where the log does not have it, none is altered. */
export async function firstAlteredBeside(
  evidence: Deps['evidence'],
  log: Log,
  logIndex: number,
): Promise<number | undefined> {
  if (logIndex >= log.hashes.size) return undefined
  return firstAltered(evidence, log, Math.floor(logIndex / rowLeaves))
}

/** The first event of the row that is not as it was; where only the hashes together differ, the first of the row. */
async function firstAltered(
  evidence: Deps['evidence'],
  { tenantId, hashes }: Log,
  row: number,
): Promise<number | undefined> {
  const [first, size, root] = [row * rowLeaves, hashes.size, hashes.root()]
  const page = { after: hashes.positionBefore(row), limit: rowLeaves }
  const altered = await evidence.firstAltered(tenantId, page)
  if (altered !== undefined && altered < first + rowLeaves) return altered
  const leaves = await evidence.readLeaves(tenantId, page)
  if (size < first + rowLeaves)
    return (await isRoot(root, hashes, size, leaves)) ? undefined : first
  const expected = await hashes.hashOf([first, first + rowLeaves], async () => [])
  return isSame(rootOf(leaves), expected) ? undefined : first
}

/** Of the last row, which is not full: all before it is in memory. */
async function isRoot(
  root: Uint8Array,
  hashes: TreeHashes,
  size: number,
  leaves: readonly Leaf[],
): Promise<boolean> {
  const found = await hashes
    .hashOf([0, size], async () => leaves.map(({ hash }) => hash))
    .catch((error: unknown) => {
      if (error instanceof RangeError) return undefined
      throw error
    })
  return found !== undefined && isSame(found, root)
}

function rootOf(leaves: readonly Leaf[]): Uint8Array {
  const frontier = new Frontier()
  for (const { hash } of leaves) frontier.push(hash)
  return frontier.root()
}
