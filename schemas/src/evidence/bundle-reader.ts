/** A bundle as a zip of named files: each read line by line, and compared with what the manifest says of it. */
import { concat, fromBase64, textOf, toHex } from './bytes.ts'
import { hasher } from './crypto.ts'
import { fileText, type Text } from './findings.ts'
import { fileNames, type Manifest } from './manifest.ts'
import type { RandomFile } from './random-file.ts'
import { readDirectory, readEntry, type ZipEntry } from './unzip.ts'

const maxLineBytes = 16 << 20
const maxNoteBytes = 64 << 20

export class BundleReader {
  readonly #file: RandomFile
  readonly #entries: ReadonlyMap<string, ZipEntry>

  private constructor(file: RandomFile, entries: ReadonlyMap<string, ZipEntry>) {
    this.#file = file
    this.#entries = entries
  }

  /** @throws RangeError for what is no zip */
  static async open(file: RandomFile): Promise<BundleReader> {
    return new BundleReader(file, await readDirectory(file))
  }

  has(name: string): boolean {
    return this.#entries.has(name)
  }

  names(): Iterable<string> {
    return this.#entries.keys()
  }

  /** `sha256:` and hex digits; undefined: it is not there, or cannot be read. */
  async digest(name: string): Promise<string | undefined> {
    const entry = this.#entries.get(name)
    if (!entry) return undefined
    const digest = hasher()
    try {
      for await (const chunk of readEntry(this.#file, entry)) digest.update(chunk)
    } catch (error) {
      if (error instanceof RangeError) return undefined
      throw error
    }
    return `sha256:${toHex(digest.digest())}`
  }

  /** @throws RangeError when it is not there, or not readable */
  async text(name: string): Promise<string> {
    const entry = this.#entries.get(name)
    if (!entry || entry.bytes > maxNoteBytes) throw new RangeError(`no bundle: it has no ${name}`)
    const chunks: Uint8Array[] = []
    for await (const chunk of readEntry(this.#file, entry)) chunks.push(chunk)
    return textOf(concat(...chunks))
  }

  /** @param says what cannot be read is a problem, not an end */
  async *lines(
    name: keyof Manifest['files'],
    { files }: Manifest,
    says: (problem: Text) => void,
  ): AsyncGenerator<Uint8Array> {
    const entry = this.#entries.get(fileNames[name])
    if (!entry) return says(fileText.absent(fileNames[name]))
    const digest = hasher()
    try {
      yield* linesOf(readEntry(this.#file, entry), (chunk) => digest.update(chunk))
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return says(fileText.broken(error.message))
    }
    if (toHex(digest.digest()) !== files[name]?.sha256) says(fileText.other(fileNames[name]))
  }
}

async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  see: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  /** Of a line whose end is still to come: put together once, or a long one would be copied with each chunk. */
  let begun: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    see(chunk)
    let from = 0
    for (let to = chunk.indexOf(10); to >= 0; to = chunk.indexOf(10, from)) {
      const end = chunk.subarray(from, to)
      yield begun.length > 0 ? concat(...begun, end) : end
      from = to + 1
      begun = []
      bytes = 0
    }
    if (from < chunk.length) begun.push(chunk.slice(from))
    bytes += chunk.length - from
    if (bytes > maxLineBytes) throw new RangeError('a line is too long')
  }
  if (bytes > 0) yield concat(...begun)
}

/** A line that is no JSON says nothing; its digest tells that it was altered. */
export function parseLine<T extends object>(line: Uint8Array): Partial<T> {
  try {
    const value: unknown = JSON.parse(textOf(line))
    return typeof value === 'object' && value !== null ? (value as Partial<T>) : {}
  } catch {
    return {}
  }
}

/** In base64; what is no list has none. */
export function hashesOf(list: unknown): Uint8Array[] {
  return Array.isArray(list) ? list.map((text) => fromBase64(String(text))) : []
}
