/**
 * Files under their ref, two folders deep. A file is there whole and durable or not at all: written aside, synced, renamed,
 * its folder synced. Killed before the rename: the next sweep removes what stands aside.
 */
import { readFileSync, statSync, unlinkSync, utimesSync } from 'node:fs'
import { mkdir, open, opendir, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

const refPattern = /^[0-9a-f]{64}$/

type BlobFile = { readonly ref: string; readonly bytes: number; readonly modifiedMs: number }

export class BlobFiles {
  readonly #directory: string
  #aside = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Durable when it resolves; replaces what is there. */
  async write(ref: string, chunks: readonly Uint8Array[]): Promise<void> {
    const path = this.#pathOf(ref)
    const made = await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const aside = `${path}.${process.pid}-${++this.#aside}`
    const file = await open(aside, 'wx', 0o600)
    try {
      await file.writev(chunks)
      await file.sync()
    } catch (error) {
      await unlink(aside).catch(() => undefined)
      throw error
    } finally {
      await file.close()
    }
    await rename(aside, path)
    await syncFolder(dirname(path))
    if (made !== undefined)
      for (const folder of [dirname(dirname(path)), this.#directory, dirname(this.#directory)])
        await syncFolder(folder)
  }

  /** undefined: there is none. @throws what the disk says */
  read(ref: string): Buffer | undefined {
    return unlessMissing(() => readFileSync(this.#pathOf(ref)))
  }

  /** As young as a new one from now on; false: there is none. */
  touch(ref: string, now: number): boolean {
    const isThere = () => {
      utimesSync(this.#pathOf(ref), now / 1000, now / 1000)
      return true
    }
    return unlessMissing(isThere) ?? false
  }

  /** In one step, so that whoever touched it meanwhile keeps it. @returns the bytes that are free now */
  removeIfOlder(ref: string, beforeMs: number): number {
    const path = this.#pathOf(ref)
    return (
      unlessMissing(() => {
        const { mtimeMs, size } = statSync(path)
        if (mtimeMs >= beforeMs) return 0
        unlinkSync(path)
        return size
      }) ?? 0
    )
  }

  /** All of them, in no order; what a crash left aside long before `beforeMs` is removed on the way. */
  async *list(beforeMs = 0): AsyncGenerator<BlobFile> {
    for await (const path of filesIn(this.#directory)) {
      const found = unlessMissing(() => statSync(path))
      if (!found) continue
      const ref = basename(path)
      if (refPattern.test(ref)) yield { ref, bytes: found.size, modifiedMs: found.mtimeMs }
      else if (found.mtimeMs < beforeMs) await unlink(path).catch(() => undefined)
    }
  }

  #pathOf(ref: string): string {
    if (!refPattern.test(ref)) throw new TypeError('not a ref')
    return join(this.#directory, ref.slice(0, 2), ref.slice(2, 4), ref)
  }
}

async function* filesIn(directory: string): AsyncGenerator<string> {
  const folder = await opendir(directory).catch(() => undefined)
  if (!folder) return
  for await (const entry of folder) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* filesIn(path)
    else yield path
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function unlessMissing<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
