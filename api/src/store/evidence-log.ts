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

/** What an agent has confirmed: the tree of `size` events. */
export type KeptCosignature = {
  readonly tenantId: string
  readonly agentId: string
  readonly size: number
  /** The line that it adds to the note of that size, and the key that checks it (`noteKeyText`). */
  readonly line: string
  readonly key: string
  readonly at: string
}

/** Events of one tenant that a `RetentionApplied` at this position says have expired: all that it has between these positions. */
export type Expiry = {
  readonly tenantId: string
  readonly appliedPosition: number
  readonly first: number
  readonly last: number
}

/** Months that ended before this time. */
export type Emptied = { readonly emptiedBefore: string }

/** From which position on, and how many. */
export type Page = { readonly after: number; readonly limit: number }

export type EntryFilter = Omit<EventFilter, 'cursor' | 'limit'>

/** `next`: after which position there may be more, also of a page that is not full (ADR 38). */
export type EntryPage = { readonly items: readonly Entry[]; readonly next?: number }

export type AlteredListener = (tenantId: string, logIndex: number) => void

export interface EvidenceLog {
  /** How many events each tenant has. */
  sizes(): Promise<Array<{ tenantId: string; size: number }>>
  /** Oldest first; also of events that have expired. */
  readLeaves(tenantId: string, page: Page): Promise<Leaf[]>
  /**
   * What the filter lets through, oldest first.
   * @param reach events that are looked at, at most
   */
  readEntries(filter: EntryFilter, page: Page, reach?: number): Promise<EntryPage>
  /** Place in the log of the first of these whose text is not what was hashed, or whose columns, by which it is found, say something else. */
  firstAltered(tenantId: string, page: Page): Promise<number | undefined>
  /**
   * Resolves after the durable commit. One that is there already is left as it is.
   * @throws TravessiaError CONFLICT (another root for the same size: then none is kept), STORE_UNAVAILABLE
   */
  keep(checkpoints: readonly KeptCheckpoint[]): Promise<void>
  newestCheckpoint(tenantId: string): Promise<KeptCheckpoint | undefined>
  /** The last of each row of so many events, smallest first. */
  checkpoints(tenantId: string, each: number): Promise<KeptCheckpoint[]>
  /** The first that covers this leaf. */
  checkpointOver(tenantId: string, logIndex: number): Promise<KeptCheckpoint | undefined>
  /** Resolves after the durable commit. One of this agent for this size is left as it is. @throws TravessiaError STORE_UNAVAILABLE */
  keepCosignature(cosignature: KeptCosignature): Promise<void>
  /** Of each agent the one of the largest tree of at most so many events. */
  cosignatures(tenantId: string, upTo: number): Promise<KeptCosignature[]>
  /**
   * Their texts leave the log for good, their leaves stay; in one commit, and once more is no harm.
   * @throws TravessiaError STORE_UNAVAILABLE: also when the fact does not say so
   */
  expire(expiry: Expiry): Promise<void>
  /**
   * Where the log lies in months: of those before this time the ones that have no event left go, and their disk is free.
   * @throws TravessiaError STORE_UNAVAILABLE
   */
  dropEmptied(before: string): Promise<void>
  /** Leaves of what has expired, oldest first. */
  readExpired(tenantId: string, page: Page): Promise<Leaf[]>
  /** Called with the place of each event that is read and whose text is not what was hashed. */
  onAltered(listener: AlteredListener): void
  /** From now on appends of this tenant are STORE_UNAVAILABLE: its log is not what was signed. */
  refuse(tenantId: string): void
}
