/**
 * Zip (APPNOTE 6.3) as far as a bundle needs it: files deflated one after the other without being held. What may become larger
 * than 4 GiB is zip64 throughout, since the first bytes of a file say it. How it is read: `schemas/src/evidence/unzip.ts`.
 */
import { Readable, type Transform } from 'node:stream'
import { crc32, createDeflateRaw } from 'node:zlib'
import {
  end64Bytes,
  zipSignatures as signatures,
  type ZipEntry,
  zip64,
  zipMethods,
} from '@travessia/schemas/evidence/unzip'

export type ZipSource = { readonly name: string; readonly data: AsyncIterable<Buffer> }
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const maxBytes = 0xffff_ffff
/** Sizes follow the data; names are UTF-8. */
const flags = 0x0808
const [version, largeVersion] = [20, 45]
/** In place of a number that stands in a record of zip64. */
const [elsewhere, countElsewhere] = [0xffff_ffff, 0xffff]
/** 1 January 1980: when it was packed says nothing. */
const date = 0x21

/** @throws RangeError beyond 4 GiB, unless it may be large */
export async function* zip(
  sources: AsyncIterable<ZipSource>,
  { isLarge = false } = {},
): AsyncGenerator<Buffer> {
  const entries: ZipEntry[] = []
  let offset = 0
  const count = (bytes: Buffer) => {
    offset += bytes.length
    if (offset > maxBytes && !isLarge) throw new RangeError('a zip ends at 4 GiB')
    return bytes
  }
  for await (const { name, data } of sources) {
    const entry: Mutable<ZipEntry> = {
      ...{ name, method: zipMethods.deflated, crc: 0, packed: 0, bytes: 0 },
      offset,
    }
    yield count(localHeader(entry, isLarge))
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
    if (entry.bytes > maxBytes && !isLarge) throw new RangeError('a file of a zip ends at 4 GiB')
    yield count(words([4, signatures.sizes], ...sizesOf(entry, isLarge ? 8 : 4)))
    entries.push(entry)
  }
  const start = offset
  for (const entry of entries) yield count(centralHeader(entry, isLarge))
  yield directoryEnd({ count: entries.length, start, end: offset }, isLarge)
}

type Word = readonly [bytes: 2 | 4 | 8, value: number]

function words(...values: readonly Word[]): Buffer {
  const bytes = Buffer.alloc(values.reduce((sum, [size]) => sum + size, 0))
  let at = 0
  for (const [size, value] of values)
    at = size === 8 ? bytes.writeBigUInt64LE(BigInt(value), at) : bytes.writeUIntLE(value, at, size)
  return bytes
}

function each(size: Word[0], ...values: readonly number[]): Word[] {
  return values.map((value) => [size, value])
}

function sizesOf({ crc, packed, bytes }: ZipEntry, size: 4 | 8): Word[] {
  return [[4, crc], ...each(size, packed, bytes)]
}

function localHeader(entry: ZipEntry, isLarge: boolean): Buffer {
  const unknown = isLarge ? elsewhere : 0
  const sizes = { ...entry, crc: 0, packed: unknown, bytes: unknown }
  const record = isLarge ? [...each(2, zip64, 16), ...each(8, 0, 0)] : []
  return header([[4, signatures.local], ...shared(sizes, isLarge)], { entry, record, rest: [] })
}

function centralHeader(entry: ZipEntry, isLarge: boolean): Buffer {
  const { packed, bytes, offset } = entry
  const shown = isLarge ? { ...entry, packed: elsewhere, bytes: elsewhere } : entry
  const record = isLarge ? [...each(2, zip64, 24), ...each(8, bytes, packed, offset)] : []
  const rest = [...each(2, 0, 0, 0), ...each(4, 0, isLarge ? elsewhere : offset)]
  const madeBy: Word = [2, isLarge ? largeVersion : version]
  const fields: Word[] = [[4, signatures.central], madeBy, ...shared(shown, isLarge)]
  return header(fields, { entry, record, rest })
}

function shared(entry: ZipEntry, isLarge: boolean): Word[] {
  const needed = isLarge ? largeVersion : version
  return [...each(2, needed, flags, entry.method, 0, date), ...sizesOf(entry, 4)]
}

type Rest = {
  readonly entry: ZipEntry
  readonly record: readonly Word[]
  readonly rest: readonly Word[]
}

function header(fields: readonly Word[], { entry, record, rest }: Rest): Buffer {
  const name = Buffer.from(entry.name)
  const extra = words(...record)
  const lengths = each(2, name.length, extra.length)
  return Buffer.concat([words(...fields, ...lengths, ...rest), name, extra])
}

type Directory = { readonly count: number; readonly start: number; readonly end: number }

function directoryEnd({ count, start, end }: Directory, isLarge: boolean): Buffer {
  const last = each(4, signatures.end, 0)
  if (!isLarge)
    return words(...last, ...each(2, count, count), ...each(4, end - start, start), [2, 0])
  return words(
    ...([
      [4, signatures.end64],
      [8, end64Bytes - 12],
    ] as Word[]),
    ...each(2, largeVersion, largeVersion),
    ...each(4, 0, 0),
    ...each(8, count, count, end - start, start),
    ...each(4, signatures.locator, 0),
    [8, end],
    [4, 1],
    ...last,
    ...each(2, countElsewhere, countElsewhere),
    ...each(4, elsewhere, elsewhere),
    [2, 0],
  )
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
