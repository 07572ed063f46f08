/**
 * Zip (APPNOTE 6.3) as far as a bundle needs it: files deflated one after the other without being held. No zip64: a file ends at
 * 4 GiB. How it is read: `schemas/src/evidence/unzip.ts`.
 */
import { Readable, type Transform } from 'node:stream'
import { crc32, createDeflateRaw } from 'node:zlib'
import {
  zipSignatures as signatures,
  type ZipEntry,
  zipMethods,
} from '@travessia/schemas/evidence/unzip'

export type ZipSource = { readonly name: string; readonly data: AsyncIterable<Buffer> }
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const maxBytes = 0xffff_ffff
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
    const entry: Mutable<ZipEntry> = {
      ...{ name, method: zipMethods.deflated, crc: 0, packed: 0, bytes: 0 },
      offset,
    }
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

/** What comes out; both end with whoever reads. */
async function* through(source: Readable, transform: Transform): AsyncGenerator<Buffer> {
  source.once('error', (error) => transform.destroy(error))
  try {
    for await (const chunk of source.pipe(transform)) yield chunk as Buffer
  } finally {
    source.destroy()
  }
}
