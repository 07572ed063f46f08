/** What evidence needs of the log: its leaves, its texts, and a place for what was signed over them. */
import type { EventFilter } from './event-store.ts'

export type Leaf = {
  readonly position: number
  readonly logIndex: number
  readonly hash: Uint8Array
}

/** `text`: exactly the bytes that were hashed. */
export type Entry = Leaf & { readonly text: string }

export type KeptCheckpoint = {
  readonly tenantId: string
  readonly size: number
  readonly root: Uint8Array
  readonly note: string
  readonly at: string
}

/** From which position on, and how many. */
export type Page = { readonly after: number; readonly limit: number }

export interface EvidenceLog {
  /** How many events each tenant has. */
  sizes(): Promise<Array<{ tenantId: string; size: number }>>
  /** Oldest first. */
  readLeaves(tenantId: string, page: Page): Promise<Leaf[]>
  /** What the filter lets through, oldest first; its cursor and limit say nothing here. */
  readEntries(filter: Omit<EventFilter, 'cursor' | 'limit'>, page: Page): Promise<Entry[]>
  /**
   * Resolves after the durable commit. One that is there already is left as it is.
   * @throws TravessiaError CONFLICT (another root for the same size: then none is kept), STORE_UNAVAILABLE
   */
  keep(checkpoints: readonly KeptCheckpoint[]): Promise<void>
  newestCheckpoint(tenantId: string): Promise<KeptCheckpoint | undefined>
  /** The last of each hour, smallest first. */
  hourlyCheckpoints(tenantId: string): Promise<KeptCheckpoint[]>
  /** The first that covers this leaf. */
  checkpointOver(tenantId: string, logIndex: number): Promise<KeptCheckpoint | undefined>
  /** From now on appends of this tenant are STORE_UNAVAILABLE: its log is not what was signed. */
  refuse(tenantId: string): void
}
