/**
 * Memory of a large buffer, free again as soon as nobody needs it. V8 frees it when it collects the view of it, which is
 * small and may live for tens of megabytes of further reads: fresh, cold memory for each of them (ADR 34).
 */

/** Node 20, which agents may run on, cannot: there they are collected as before. */
type Transferable = ArrayBuffer & { transfer?: (bytes: number) => ArrayBuffer }

/** Less is not worth it, and may lie in a pool. */
const minBytes = 16 * 1024
/** What may stand before the bytes in a buffer of their own: heads, which were read before them. */
const maxHeadBytes = 512

/**
 * Called once by the last who has these bytes. Of a buffer that others may have a part of nothing is given back: only
 * bytes that fill theirs to its end are.
 */
export function giveBack({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (byteLength < minBytes || byteOffset > maxHeadBytes) return
  if (byteOffset + byteLength < buffer.byteLength || !(buffer instanceof ArrayBuffer)) return
  const owned: Transferable = buffer
  owned.transfer?.(0)
}
