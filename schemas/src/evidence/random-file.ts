/** Bytes by their places: a file of Node, or what somebody drops into a browser. */
export type RandomFile = {
  readonly size: number
  /** Fewer where the file ends. */
  read(from: number, to: number): Promise<Uint8Array>
}

export function blobFile(blob: Blob): RandomFile {
  return {
    size: blob.size,
    read: async (from, to) => new Uint8Array(await blob.slice(from, to).arrayBuffer()),
  }
}
