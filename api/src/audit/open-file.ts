/** A file on disk for the verifier, which knows no Node. */
import { open } from 'node:fs/promises'
import type { RandomFile } from '@travessia/schemas/evidence/random-file'

export async function openFile(path: string): Promise<RandomFile & { close(): Promise<void> }> {
  const file = await open(path).catch((cause: NodeJS.ErrnoException) => {
    throw new RangeError(`${path} cannot be read (${cause.code})`, { cause })
  })
  const stat = await file.stat()
  if (!stat.isFile()) {
    await file.close()
    throw new RangeError(`${path} is no file`)
  }
  const { size } = stat
  return {
    size,
    async read(from, to) {
      const { buffer, bytesRead } = await file.read(new Uint8Array(to - from), 0, to - from, from)
      return buffer.subarray(0, bytesRead)
    },
    close: () => file.close(),
  }
}
