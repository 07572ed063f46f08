/**
 * Zip (APPNOTE 6.3) as far as a bundle needs it: files deflated one after the other without being held, and read back by
 * name. Times, order, attributes and comments of a zip say nothing to us. No zip64: a file ends at 4 GiB.
 */
import type { FileHandle } from 'node:fs/promises'
import { PassThrough, Readable, type Transform } from 'node:stream'
import { crc32, createDeflateRaw, createInflateRaw } from 'node:zlib'

export type ZipSource = { readonly name: string; readonly data: AsyncIterable<Buffer> }
/** Where a file is in a zip. */
export type ZipEntry = {
  readonly name: string
  readonly method: number
  readonly crc: number
  readonly packed: number
  readonly bytes: number
  readonly offset: number
}

const maxBytes = 0xffff_ffff
const maxEntries = 1_000
const maxDirectoryBytes = 1 << 20
const localHeaderBytes = 30
const centralHeaderBytes = 46
const endBytes = 22
const chunkBytes = 65_536
const maxCommentBytes = 0xffff
const signatures = { local: 0x04034b50, sizes: 0x08074b50, central: 0x02014b50, end: 0x06054b50 }
const [stored, deflated] = [0, 8]
/** Sizes follow the data; names are UTF-8. */
const flags = 0x0808
const version = 20
/** 1 January 1980: when it was packed says nothing. */
const date = 0x21

/** @throws RangeError beyond 4 GiB */
export async function* zip(sources: AsyncIterable<ZipSource>): AsyncGenerator<Buffer> {
  const entries: ZipEntry[] = []
  let offset = 0
  const count = (bytes: Buffer) => {
    offset += bytes.length
    if (offset > maxBytes) throw new RangeError('a zip ends at 4 GiB')
    return bytes
  }
  for await (const { name, data } of sources) {
    const entry = { ...{ name, method: deflated, crc: 0, packed: 0, bytes: 0 }, offset }
    yield count(header(signatures.local, entry))
    const read = async function* () {
      for await (const chunk of data) {
        entry.crc = crc32(chunk, entry.crc)
        entry.bytes += chunk.length
        yield chunk
      }
    }
    const from = offset
    for await (const chunk of through(Readable.from(read()), createDeflateRaw())) yield count(chunk)
    entry.packed = offset - from
    if (entry.bytes > maxBytes) throw new RangeError('a file of a zip ends at 4 GiB')
    yield count(words([4, signatures.sizes], ...sizesOf(entry)))
    entries.push(entry)
  }
  const start = offset
  for (const entry of entries) yield count(header(signatures.central, entry))
  yield words(
    ...([
      [4, signatures.end],
      [4, 0],
      [2, entries.length],
      [2, entries.length],
    ] as Word[]),
    ...([
      [4, offset - start],
      [4, start],
      [2, 0],
    ] as Word[]),
  )
}

type Word = readonly [bytes: 2 | 4, value: number]

function words(...values: readonly Word[]): Buffer {
  const bytes = Buffer.alloc(values.reduce((sum, [size]) => sum + size, 0))
  let at = 0
  for (const [size, value] of values) at = bytes.writeUIntLE(value, at, size)
  return bytes
}

function sizesOf({ crc, packed, bytes }: ZipEntry): Word[] {
  return [
    [4, crc],
    [4, packed],
    [4, bytes],
  ]
}

function header(signature: number, entry: ZipEntry): Buffer {
  const name = Buffer.from(entry.name)
  const isCentral = signature === signatures.central
  const shared: Word[] = [
    ...([
      [2, version],
      [2, flags],
      [2, entry.method],
      [2, 0],
      [2, date],
    ] as Word[]),
    ...(isCentral ? sizesOf(entry) : sizesOf({ ...entry, crc: 0, packed: 0, bytes: 0 })),
    ...([
      [2, name.length],
      [2, 0],
    ] as Word[]),
  ]
  const rest: Word[] = [
    ...([
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
    ] as Word[]),
    [4, entry.offset],
  ]
  const whole: Word[] = isCentral
    ? [[4, signature], [2, version], ...shared, ...rest]
    : [[4, signature], ...shared]
  return Buffer.concat([words(...whole), name])
}

/** @throws RangeError for what is no zip, holds a name twice, or is larger than a bundle may be */
export async function readDirectory(file: FileHandle): Promise<Map<string, ZipEntry>> {
  const { size } = await file.stat()
  const tail = await readAt(file, Math.max(0, size - endBytes - maxCommentBytes), size)
  const end = tail.lastIndexOf(words([4, signatures.end]))
  if (end < 0 || end + endBytes > tail.length) throw new RangeError('no zip')
  const count = tail.readUInt16LE(end + 10)
  const [bytes, start] = [tail.readUInt32LE(end + 12), tail.readUInt32LE(end + 16)]
  if (count > maxEntries || bytes > maxDirectoryBytes || start + bytes > size)
    throw new RangeError('no zip, or too many files in it')
  const directory = await readAt(file, start, start + bytes)
  const entries = new Map<string, ZipEntry>()
  for (let at = 0, n = 0; n < count; n += 1) {
    const entry = centralEntry(directory, at)
    if (entries.has(entry.name)) throw new RangeError(`${entry.name} is there twice`)
    entries.set(entry.name, entry)
    at +=
      centralHeaderBytes + [28, 30, 32].reduce((sum, o) => sum + directory.readUInt16LE(at + o), 0)
  }
  return entries
}

function centralEntry(directory: Buffer, at: number): ZipEntry {
  if (
    at + centralHeaderBytes > directory.length ||
    directory.readUInt32LE(at) !== signatures.central
  )
    throw new RangeError('the directory of the zip is broken')
  const nameEnd = at + centralHeaderBytes + directory.readUInt16LE(at + 28)
  return {
    name: directory.toString('utf8', at + centralHeaderBytes, nameEnd),
    method: directory.readUInt16LE(at + 10),
    crc: directory.readUInt32LE(at + 16),
    packed: directory.readUInt32LE(at + 20),
    bytes: directory.readUInt32LE(at + 24),
    offset: directory.readUInt32LE(at + 42),
  }
}

/** Never more than the directory says, whatever is packed. @throws RangeError when it is not what the directory says */
export async function* readEntry(file: FileHandle, entry: ZipEntry): AsyncGenerator<Buffer> {
  const { name, method, packed, offset } = entry
  const head = await readAt(file, offset, offset + localHeaderBytes)
  if (head.length < localHeaderBytes || head.readUInt32LE(0) !== signatures.local)
    throw new RangeError(`${name} is not where the zip says`)
  if (method !== stored && method !== deflated) throw new RangeError(`${name} is packed otherwise`)
  const start = offset + localHeaderBytes + head.readUInt16LE(26) + head.readUInt16LE(28)
  const raw = Readable.from(readSpan(file, start, start + packed))
  let [crc, bytes] = [0, 0]
  try {
    const inflate = method === stored ? new PassThrough() : createInflateRaw()
    for await (const chunk of through(raw, inflate)) {
      crc = crc32(chunk, crc)
      bytes += chunk.length
      if (bytes > entry.bytes) break
      yield chunk
    }
  } catch (cause) {
    throw new RangeError(`${name} cannot be unpacked`, { cause })
  }
  if (bytes !== entry.bytes || crc !== entry.crc)
    throw new RangeError(`${name} is not what the zip says of it`)
}

/** What comes out; both end with whoever reads. */
async function* through(source: Readable, transform: Transform): AsyncGenerator<Buffer> {
  source.once('error', (error) => transform.destroy(error))
  try {
    for await (const chunk of source.pipe(transform)) yield chunk as Buffer
  } finally {
    source.destroy()
  }
}

async function* readSpan(file: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
  for (let at = from; at < to; at += chunkBytes)
    yield await readAt(file, at, Math.min(to, at + chunkBytes))
}

async function readAt(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(to - from), 0, to - from, from)
  return buffer.subarray(0, bytesRead)
}
