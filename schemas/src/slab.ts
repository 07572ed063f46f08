/**
 * Memory for small frames. A buffer of its own costs more than all else that is done for a frame: it is allocated
 * outside the heap, and collected one by one. A piece keeps its slab alive, so only what leaves soon belongs here.
 */
const slabBytes = 64 * 1024
/** What is larger gets a buffer of its own. */
const maxPieceBytes = 8 * 1024

let slab = new Uint8Array(0)
let givenBytes = 0

/** Bytes that nobody else has or will have. */
export function smallBytes(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes > maxPieceBytes) return new Uint8Array(bytes)
  if (givenBytes + bytes > slab.length) {
    slab = new Uint8Array(slabBytes)
    givenBytes = 0
  }
  givenBytes += bytes
  return slab.subarray(givenBytes - bytes, givenBytes)
}
