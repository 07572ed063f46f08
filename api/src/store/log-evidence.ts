/** `EvidenceLog` over an engine: reads where lists are read, writes through the one writer. */
import type {
  AlteredListener,
  EntryFilter,
  EntryPage,
  EvidenceLog,
  Expiry,
  KeptCheckpoint,
  KeptCosignature,
  Leaf,
  Page,
} from './evidence-log.ts'
import { firstNotIntact, hoursQuery, intactColumns } from './intact.ts'
import {
  entriesQuery,
  entriesStopOf,
  entryPageOf,
  evidenceStatements,
  leavesOf,
  leavesQuery,
  tenantQuery,
} from './query.ts'
import {
  type Reader,
  type Row,
  toCheckpoint,
  toCosignature,
  toLeaf,
  toSize,
  wholeLog,
} from './rows.ts'
import type { Query, Walker } from './walk.ts'
import type { WriteQueue } from './write-queue.ts'

type Deps = { readonly queue: WriteQueue; readonly far: Reader; readonly walker: Walker }

export class LogEvidence implements EvidenceLog {
  readonly #reader: Reader
  readonly #queue: WriteQueue
  readonly #walker: Walker
  readonly #listeners: AlteredListener[] = []

  constructor({ queue, far, walker }: Deps) {
    this.#reader = far
    this.#queue = queue
    this.#walker = walker
  }

  keep(checkpoints: readonly KeptCheckpoint[]): Promise<void> {
    return this.#queue.keep(checkpoints)
  }

  keepCosignature(cosignature: KeptCosignature): Promise<void> {
    return this.#queue.keep(cosignature)
  }

  async cosignatures(tenantId: string, upTo: number): Promise<KeptCosignature[]> {
    const values = [tenantId, upTo]
    const rows = await this.#reader.rows(tenantId, evidenceStatements.cosignatures, values)
    return rows.map(toCosignature)
  }

  expire(expiry: Expiry): Promise<void> {
    return this.#queue.keep(expiry)
  }

  dropEmptied(before: string): Promise<void> {
    return this.#queue.keep({ emptiedBefore: before })
  }

  onAltered(listener: AlteredListener): void {
    this.#listeners.push(listener)
  }

  altered(...place: Parameters<AlteredListener>): void {
    for (const listener of this.#listeners) listener(...place)
  }

  refuse(tenantId: string): void {
    this.#queue.refuse(tenantId)
  }

  async sizes(): Promise<Array<{ tenantId: string; size: number }>> {
    return (await this.#reader.rows(wholeLog, evidenceStatements.sizes, [])).map(toSize)
  }

  async readLeaves(tenantId: string, page: Page): Promise<Leaf[]> {
    const { sql, values } = leavesQuery(tenantId, page, this.#walker)
    return leavesOf(await this.#reader.rows(tenantId, sql, values), page.limit)
  }

  async readExpired(tenantId: string, { after, limit }: Page): Promise<Leaf[]> {
    const values = [tenantId, after, limit]
    return (await this.#reader.rows(tenantId, evidenceStatements.expired, values)).map(toLeaf)
  }

  async readEntries(filter: EntryFilter, page: Page, reach?: number): Promise<EntryPage> {
    const stop = entriesStopOf(filter, page, this.#walker, reach)
    const [place] = stop ? await this.#rows(filter, stop) : []
    const ceiling = place && Number(place['position'])
    const found = await this.#rows(filter, entriesQuery(filter, { ...page, ceiling }, this.#walker))
    return entryPageOf(found, page.limit, ceiling)
  }

  async firstAltered(tenantId: string, page: Page): Promise<number | undefined> {
    const rows = await this.#rows(
      { tenantId },
      tenantQuery(tenantId, page, this.#walker, intactColumns),
    )
    // Afterwards, since hours only grow.
    const hours = await this.#rows({ tenantId }, hoursQuery(tenantId, rows))
    return firstNotIntact(tenantId, rows, hours)
  }

  #rows({ tenantId }: EntryFilter, { sql, values }: Query): Promise<Row[]> {
    return this.#reader.rows(tenantId, sql, values)
  }

  async newestCheckpoint(tenantId: string): Promise<KeptCheckpoint | undefined> {
    const [row] = await this.#reader.rows(tenantId, evidenceStatements.newest, [tenantId])
    return row && toCheckpoint(row)
  }

  async checkpoints(tenantId: string, each: number): Promise<KeptCheckpoint[]> {
    const values = [each, tenantId]
    const rows = await this.#reader.rows(tenantId, evidenceStatements.checkpoints, values)
    return rows.map(toCheckpoint)
  }

  async checkpointOver(tenantId: string, logIndex: number): Promise<KeptCheckpoint | undefined> {
    const [row] = await this.#reader.rows(tenantId, evidenceStatements.over, [tenantId, logIndex])
    return row && toCheckpoint(row)
  }
}
