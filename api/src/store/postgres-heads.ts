/**
 * What the writer itself left behind: where streams and tenants stand, true as long as the log is at the position that it
 * left, since whoever appends moves that. So it need not ask before each batch.
 */
import type { Append } from './event-store.ts'
import { type StreamHead, streamKeyOf } from './postgres-batch.ts'

const maxStreams = 50_000

type Refs = ReadonlyMap<string, number>

export class Heads {
  position = 0
  /** By `streamKeyOf`. */
  readonly streams = new Map<string, StreamHead>()
  /** Next log index by tenant. */
  readonly tenants = new Map<number, number>()

  /** The log is there. Who was elsewhere knows nothing any more. */
  at(position: number): void {
    if (position !== this.position || this.streams.size > maxStreams) this.forget()
    this.position = position
  }

  forget(): void {
    this.position = 0
    this.streams.clear()
    this.tenants.clear()
  }

  /** Appends whose stream or tenant must be asked for. */
  unknown(batch: readonly Append[], refs: Refs): Append[] {
    return batch.filter((append) => {
      const tenant = refs.get(append.tenantId)
      return tenant === undefined || !this.tenants.has(tenant) || !this.#streamOf(append, refs)
    })
  }

  /** The partitions of their streams. */
  bucketsOf(batch: readonly Append[], refs: Refs): string[] {
    return batch.map((append) => this.#streamOf(append, refs)?.bucket ?? '')
  }

  #streamOf({ tenantId, streamId }: Append, refs: Refs): StreamHead | undefined {
    return this.streams.get(streamKeyOf(refs.get(tenantId) ?? 0, refs.get(streamId) ?? 0))
  }
}
