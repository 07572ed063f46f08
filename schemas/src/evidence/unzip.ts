/**
 * Reads a zip or zip64 (APPNOTE 6.3) of somebody else, file by file and by name. Times, order, attributes and comments of it say
 * nothing to us.
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
export const end64Bytes = 56
const locatorBytes = 20
const chunkBytes = 65_536
const maxCommentBytes = 0xffff
export const zipSignatures = {
  ...{ local: 0x04034b50, sizes: 0x08074b50, central: 0x02014b50, end: 0x06054b50 },
  ...{ end64: 0x06064b50, locator: 0x07064b50 },
}
/** The record of numbers that are too large for their fields, which are then full. */
export const zip64 = 1
const full = 0xffff_ffff
export const zipMethods = { stored: 0, deflated: 8 }

/** @throws RangeError for what is no zip, holds a name twice, or is larger than a bundle may be */
export async function readDirectory(file: RandomFile): Promise<Map<string, ZipEntry>> {
  const { size } = file
  const tail = await file.read(Math.max(0, size - endBytes - maxCommentBytes), size)
  const at = endOf(tail)
  if (at === undefined) throw new RangeError('no zip')
  const { count, bytes, start } = (await end64Of(file, tail, at)) ?? endIn(viewOf(tail), at)
  if (count > maxEntries || bytes > maxDirectoryBytes || start + bytes > size)
    throw new RangeError('no zip, or too many files in it')
  const directory = await file.read(start, start + bytes)
  const entries = new Map<string, ZipEntry>()
  for (let place = 0, n = 0; n < count; n += 1) {
    const { entry, next } = centralEntry(directory, place)
    place = next
    // Whoever packs a folder again may name it beside its files.
    if (entry.name.endsWith('/') && entry.bytes === 0) continue
    if (entries.has(entry.name)) throw new RangeError(`${entry.name} is there twice`)
    entries.set(entry.name, entry)
  }
  return entries
}

type End = { readonly count: number; readonly bytes: number; readonly start: number }

function endIn(view: DataView, at: number): End {
  const [bytes, start] = [view.getUint32(at + 12, true), view.getUint32(at + 16, true)]
  return { count: view.getUint16(at + 10, true), bytes, start }
}

/** Of a zip64: where it is stands just before the end. */
async function end64Of(file: RandomFile, tail: Uint8Array, at: number): Promise<End | undefined> {
  const view = viewOf(tail)
  const locator = at - locatorBytes
  if (locator < 0 || view.getUint32(locator, true) !== zipSignatures.locator) return undefined
  const from = wideAt(view, locator + 8)
  const end = viewOf(await file.read(from, from + end64Bytes))
  if (end.byteLength < end64Bytes || end.getUint32(0, true) !== zipSignatures.end64)
    throw new RangeError('the directory of the zip is broken')
  return { count: wideAt(end, 32), bytes: wideAt(end, 40), start: wideAt(end, 48) }
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
  const wide = wideNumbers(directory.subarray(nameAt + name, nameAt + name + extra))
  const numberAt = (place: number) => {
    const value = view.getUint32(at + place, true)
    return value === full ? (wide.shift() ?? value) : value
  }
  // In the order of the record, which has only those whose fields are full.
  const [bytes = 0, packed = 0, offset = 0] = [24, 20, 42].map(numberAt)
  const entry = {
    ...{ name: textOf(directory.subarray(nameAt, nameAt + name)), bytes, packed, offset },
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
  }
  return { entry, next: nameAt + name + extra + comment }
}

/** What the record of zip64 has, in its order. */
function wideNumbers(extra: Uint8Array): number[] {
  const view = viewOf(extra)
  const numbers: number[] = []
  for (let at = 0, next = 0; at + 4 <= extra.length; at = next) {
    next = at + 4 + view.getUint16(at + 2, true)
    if (view.getUint16(at, true) !== zip64) continue
    for (let place = at + 4; place + 8 <= Math.min(next, extra.length); place += 8)
      numbers.push(wideAt(view, place))
  }
  return numbers
}

/** @throws RangeError for more than any file has */
function wideAt(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true))
  if (!Number.isSafeInteger(value)) throw new RangeError('the directory of the zip is broken')
  return value
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
  const nameAt = offset + localHeaderBytes
  const nameEnd = nameAt + view.getUint16(26, true)
  // Whoever unpacks without the directory sees this name.
  if (textOf(await file.read(nameAt, nameEnd)) !== name)
    throw new RangeError(`${name} is not where the zip says`)
  const start = nameEnd + view.getUint16(28, true)
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
