/**
 * Memory of a large buffer, free again as soon as nobody needs it. V8 frees it when it collects the view of it, which is
 * small and may live for tens of megabytes of further reads: fresh, cold memory for each of them (ADR 34).
 */

/** Node 20, which agents may run on, cannot: there they are collected as before. */
type Transferable = ArrayBuffer & { transfer?: (bytes: number) => ArrayBuffer }

/** Less is never given back: it is not worth it, and may lie in a pool. */
export const minGivenBytes = 16 * 1024
/** What may stand before the bytes in a buffer of their own: heads, which were read before them. */
const maxHeadBytes = 512
/** Of which several have parts, nobody knows how long. */
const shared = new WeakSet<ArrayBufferLike>()

/**
 * Called once by the last who has these bytes. Of a buffer that others may have a part of nothing is given back: only
 * bytes that fill theirs to its end are.
 */
export function giveBack({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (byteLength < minGivenBytes || byteOffset > maxHeadBytes) return
  if (byteOffset + byteLength < buffer.byteLength || !(buffer instanceof ArrayBuffer)) return
  if (shared.has(buffer)) return
  const owned: Transferable = buffer
  owned.transfer?.(0)
}

/** Nothing of the buffer that these bytes lie in is given back, whoever says so: V8 collects it. */
export function shareBuffer({ buffer }: Uint8Array): void {
  if (buffer.byteLength >= minGivenBytes) shared.add(buffer)
}
