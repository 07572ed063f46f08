/**
 * Reads a zip (APPNOTE 6.3) of somebody else, file by file and by name. Times, order, attributes and comments of it say nothing
 * to us. No zip64: a file ends at 4 GiB.
 */
import { textOf } from './bytes.ts'
import type { RandomFile } from './random-file.ts'

/** Where a file is in a zip. */
export type ZipEntry = {
  readonly name: string
  readonly method: number
  readonly crc: number
  readonly packed: number
  readonly bytes: number
  readonly offset: number
}

/** With the bodies of a bundle. */
const maxEntries = 60_000
const maxDirectoryBytes = 8 << 20
const localHeaderBytes = 30
const centralHeaderBytes = 46
const endBytes = 22
const chunkBytes = 65_536
const maxCommentBytes = 0xffff
export const zipSignatures = {
  ...{ local: 0x04034b50, sizes: 0x08074b50, central: 0x02014b50, end: 0x06054b50 },
}
export const zipMethods = { stored: 0, deflated: 8 }

/** @throws RangeError for what is no zip, holds a name twice, or is larger than a bundle may be */
export async function readDirectory(file: RandomFile): Promise<Map<string, ZipEntry>> {
  const { size } = file
  const tail = await file.read(Math.max(0, size - endBytes - maxCommentBytes), size)
  const at = endOf(tail)
  if (at === undefined) throw new RangeError('no zip')
  const end = viewOf(tail)
  const count = end.getUint16(at + 10, true)
  const [bytes, start] = [end.getUint32(at + 12, true), end.getUint32(at + 16, true)]
  if (count > maxEntries || bytes > maxDirectoryBytes || start + bytes > size)
    throw new RangeError('no zip, or too many files in it')
  const directory = await file.read(start, start + bytes)
  const entries = new Map<string, ZipEntry>()
  for (let place = 0, n = 0; n < count; n += 1) {
    const { entry, next } = centralEntry(directory, place)
    if (entries.has(entry.name)) throw new RangeError(`${entry.name} is there twice`)
    entries.set(entry.name, entry)
    place = next
  }
  return entries
}

function endOf(tail: Uint8Array): number | undefined {
  const view = viewOf(tail)
  for (let at = tail.length - endBytes; at >= 0; at -= 1)
    if (view.getUint32(at, true) === zipSignatures.end) return at
  return undefined
}

function centralEntry(directory: Uint8Array, at: number): { entry: ZipEntry; next: number } {
  const view = viewOf(directory)
  const nameAt = at + centralHeaderBytes
  if (nameAt > directory.length || view.getUint32(at, true) !== zipSignatures.central)
    throw new RangeError('the directory of the zip is broken')
  const [name = 0, extra = 0, comment = 0] = [28, 30, 32].map((o) => view.getUint16(at + o, true))
  const entry = {
    name: textOf(directory.subarray(nameAt, nameAt + name)),
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
    packed: view.getUint32(at + 20, true),
    bytes: view.getUint32(at + 24, true),
    offset: view.getUint32(at + 42, true),
  }
  return { entry, next: nameAt + name + extra + comment }
}

/** Never more than the directory says, whatever is packed. @throws RangeError when it is not what the directory says */
export async function* readEntry(file: RandomFile, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  const { name, method, packed, offset } = entry
  const head = await file.read(offset, offset + localHeaderBytes)
  const view = viewOf(head)
  if (head.length < localHeaderBytes || view.getUint32(0, true) !== zipSignatures.local)
    throw new RangeError(`${name} is not where the zip says`)
  if (method !== zipMethods.stored && method !== zipMethods.deflated)
    throw new RangeError(`${name} is packed otherwise`)
  const start = offset + localHeaderBytes + view.getUint16(26, true) + view.getUint16(28, true)
  const raw = readSpan(file, start, start + packed)
  let [crc, bytes] = [0, 0]
  try {
    for await (const chunk of method === zipMethods.stored ? raw : inflate(raw)) {
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

/** Ends with whoever reads. */
async function* inflate(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { readable, writable } = new DecompressionStream('deflate-raw')
  const feeding = feed(packed, writable.getWriter())
  const reader = readable.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      yield value
    }
    await feeding
  } finally {
    // Whoever stopped early, or broken bytes: what was still to be fed is of no interest then.
    feeding.catch(() => undefined)
    await reader.cancel().catch(() => undefined)
  }
}

async function feed(
  packed: AsyncIterable<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  for await (const chunk of packed) await writer.write(chunk as Uint8Array<ArrayBuffer>)
  await writer.close()
}

async function* readSpan(file: RandomFile, from: number, to: number): AsyncGenerator<Uint8Array> {
  for (let at = from; at < to; at += chunkBytes)
    yield await file.read(at, Math.min(to, at + chunkBytes))
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let crc = n
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

function crc32(bytes: Uint8Array, before: number): number {
  let crc = ~before
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] ?? 0)
  return ~crc >>> 0
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
