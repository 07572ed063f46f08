/**
 * What the writer itself left behind: where streams and tenants stand, true as long as the log is at the position that it
 * left, since whoever appends moves that. So it need not ask before each batch.
 */
import type { Append } from './event-store.ts'
import { type StreamHead, streamKeyOf } from './postgres-batch.ts'

const maxStreams = 50_000

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
  unknown(batch: readonly Append[], refs: ReadonlyMap<string, number>): Append[] {
    return batch.filter(({ tenantId, streamId }) => {
      const [tenant, stream] = [refs.get(tenantId), refs.get(streamId)]
      if (tenant === undefined || stream === undefined) return true
      return !this.tenants.has(tenant) || !this.streams.has(streamKeyOf(tenant, stream))
    })
  }
}
