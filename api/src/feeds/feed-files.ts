/**
 * A batch as lines of a file, for whoever ships files (Filebeat, Vector). A file is only appended to, of one day, and never renamed;
 * the next one begins with a day or when it is full. Killed within a line: the next batch cuts that piece off before it begins.
 */
import { type FileHandle, mkdir, open, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TravessiaError } from '@travessia/schemas/errors'

const maxFileBytes = 16 * 1024 * 1024
/** Of one feed; the oldest goes first. */
const maxFiles = 32
const keptDays = 7
const dayMs = 86_400_000
const tailBytes = 64 * 1024
const newline = 0x0a
const namePattern = /^\d{4}-\d\d-\d\d-\d{15}\.jsonl$/

type FileBatch = {
  readonly lines: string
  /** Position of the first event. */
  readonly first: number
  readonly now: number
}

/** Resolves when it is durable. @throws TravessiaError FEED_FILE */
export async function appendBatch(directory: string, batch: FileBatch): Promise<void> {
  try {
    await mkdir(directory, { recursive: true })
    const names = await filesOf(directory)
    const name = await nameFor(directory, names.at(-1), batch)
    await appendTo(join(directory, name), batch.lines)
    if (names.includes(name)) return
    await syncDirectory(directory)
    for (const old of names.slice(0, -(maxFiles - 1))) await rm(join(directory, old))
  } catch (cause) {
    throw new TravessiaError('FEED_FILE', {}, { cause })
  }
}

/** Of all feeds, those that were removed too: what a shipper has not read in a week it does not get. */
export async function pruneFiles(root: string, now: number): Promise<void> {
  const oldest = dayOf(now - keptDays * dayMs)
  for (const tenant of await namesIn(root))
    for (const feed of await namesIn(join(root, tenant))) {
      const directory = join(root, tenant, feed)
      const names = await filesOf(directory)
      for (const name of names) if (name < oldest) await rm(join(directory, name))
      if (names.length === 0) await removeEmpty(directory, join(root, tenant))
    }
}

async function filesOf(directory: string): Promise<string[]> {
  return (await namesIn(directory)).filter((name) => namePattern.test(name)).toSorted()
}

/** A clock that was set back goes on with the file of the day that is not over. */
async function nameFor(
  directory: string,
  last: string | undefined,
  { first, now }: FileBatch,
): Promise<string> {
  const day = dayOf(now)
  if (last !== undefined && last.slice(0, day.length) >= day) {
    if ((await stat(join(directory, last))).size < maxFileBytes) return last
  }
  return `${day}-${String(first).padStart(15, '0')}.jsonl`
}

async function appendTo(path: string, lines: string): Promise<void> {
  const file = await open(path, 'a+')
  try {
    const { size } = await file.stat()
    const whole = await wholeBytes(file, size)
    if (whole < size) await file.truncate(whole)
    await file.appendFile(lines)
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** Up to the end of the last whole line. */
async function wholeBytes(file: FileHandle, size: number): Promise<number> {
  const tail = Buffer.alloc(tailBytes)
  for (let end = size; end > 0; end -= tailBytes) {
    const start = Math.max(0, end - tailBytes)
    const { bytesRead } = await file.read(tail, 0, end - start, start)
    const at = tail.subarray(0, bytesRead).lastIndexOf(newline)
    if (at !== -1) return start + at + 1
  }
  return 0
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  await directory.sync().finally(() => directory.close())
}

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}

/** Unless something has come in meanwhile. */
async function removeEmpty(...directories: readonly string[]): Promise<void> {
  for (const directory of directories) await rmdir(directory).catch(() => undefined)
}

function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10)
}
