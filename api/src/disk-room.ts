import { statfs } from 'node:fs/promises'

/** Kept free for the log: without it nothing is done for anybody. */
const minFreeShare = 0.05

/** Bytes that others than the log may still write there; a disk that does not say has room. */
export async function roomOn(directory: string): Promise<number> {
  const { bavail, blocks, bsize } = await statfs(directory).catch(() => noWord)
  return (bavail - blocks * minFreeShare) * bsize
}

const noWord = { bavail: Number.MAX_SAFE_INTEGER, blocks: 0, bsize: 1 }
