import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { crc32, deflateRawSync } from 'node:zlib'
import { readDirectory, readEntry, type ZipEntry } from '@travessia/schemas/evidence/unzip'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { openFile } from './open-file.ts'
import { zip } from './zip.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-zip-'))
const path = join(directory, 'a.zip')
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function* sourcesOf(files: Readonly<Record<string, readonly Buffer[]>>) {
  for (const [name, chunks] of Object.entries(files))
    yield {
      name,
      data: (async function* () {
        yield* chunks
      })(),
    }
}

async function packed(
  files: Readonly<Record<string, readonly Buffer[]>>,
  isLarge = false,
): Promise<Buffer> {
  return buffer(zip(sourcesOf(files), { isLarge }))
}

async function unpacked(bytes: Buffer): Promise<Record<string, string>> {
  writeFileSync(path, bytes)
  const file = await openFile(path)
  try {
    const found: Record<string, string> = {}
    for (const [name, entry] of await readDirectory(file))
      found[name] = (await buffer(readEntry(file, entry))).toString('latin1')
    return found
  } finally {
    await file.close()
  }
}

const text = (value: string) => [Buffer.from(value, 'latin1')]

test('what is packed is read back, whatever it is', async () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(chunks, chunks, async (a, b) => {
      const files = { a: a.map((one) => Buffer.from(one)), 'é/b': b.map((one) => Buffer.from(one)) }
      expect(await unpacked(await packed(files))).toEqual({
        a: Buffer.concat(files.a).toString('latin1'),
        'é/b': Buffer.concat(files['é/b']).toString('latin1'),
      })
    }),
    { numRuns: 50 },
  )
})

test('folders that somebody packed by name are no files', async () => {
  const files = { 'blobs/': text(''), 'blobs/a': text('x'), 'full/': text('y') }
  expect(await unpacked(await packed(files))).toEqual({ 'blobs/a': 'x', 'full/': 'y' })
})

test('a large one is zip64, which we read and unzip and Python find whole', async () => {
  const files = { 'a.txt': text('x'.repeat(100_000)), 'é/b': text('two'), empty: [] }
  const bytes = await packed(files, true)
  expect(await unpacked(bytes)).toEqual({ 'a.txt': 'x'.repeat(100_000), 'é/b': 'two', empty: '' })
  expect(bytes.readUInt32LE(bytes.length - 6)).toBe(0xffff_ffff)
  expect(execFileSync('unzip', ['-t', path]).toString()).toContain('No errors detected')
  const script = 'import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).testzip())'
  expect(execFileSync('python3', ['-c', script, path]).toString().trim()).toBe('None')
})

test('what lies beyond 4 GiB is found there', async () => {
  const bytes = await packed({ a: text('x'.repeat(1_000)), b: text('y') }, true)
  const hole = 5 * 2 ** 30
  const [first, end] = [bytes.indexOf('PK\x01\x02'), bytes.indexOf('PK\x06\x06')]
  const [b, second] = [bytes.indexOf('PK\x03\x04', 4), bytes.indexOf('PK\x01\x02', first + 4)]
  // As if there were five GiB between the two, which nobody reads.
  bytes.writeBigUInt64LE(BigInt(hole + b), second + 46 + 1 + 4 + 16)
  bytes.writeBigUInt64LE(BigInt(hole + first), end + 48)
  bytes.writeBigUInt64LE(BigInt(hole + end), bytes.indexOf('PK\x06\x07') + 8)
  const read = async (from: number, to: number) => {
    if (from >= hole) return bytes.subarray(from - hole, to - hole)
    if (from < bytes.length) return bytes.subarray(from, to)
    return Buffer.concat([Buffer.alloc(hole - from), bytes.subarray(0, to - hole)])
  }
  const file = { size: hole + bytes.length, read }
  const entries = await readDirectory(file)
  expect(entries.get('b')?.offset).toBe(hole + b)
  const contentOf = async (name: string) =>
    (await buffer(readEntry(file, entries.get(name) as ZipEntry))).toString()
  expect([await contentOf('a'), await contentOf('b')]).toEqual(['x'.repeat(1_000), 'y'])
})

/** Made by Python's zipfile: one stored, one deflated, with times and a comment. */
const foreign =
  'UEsDBBQAAAAAACK+fF0L+UNWBgAAAAYAAAABAAAAYnN0b3JlZFBLAwQUAAAACAAivnxdKA5V6AoAAAAIAAAAAQAAAGFLSU3LSSxJTQEAUEsBAhQDFAAAAAAAIr58XQv5Q1YGAAAABgAAAAEAAAAAAAAAAAAAAIABAAAAAGJQSwECFAMUAAAACAAivnxdKA5V6AoAAAAIAAAAAQAAAAAAAAAAAAAAgAElAAAAYVBLBQYAAAAAAgACAF4AAABOAAAABQBoZWxsbw=='

test('a zip of another program is read, stored or deflated, with a comment and times', async () => {
  expect(await unpacked(Buffer.from(foreign, 'base64'))).toEqual({ a: 'deflated', b: 'stored' })
})

/** One entry whose directory says something else than its data. */
async function withEntry(change: (central: Buffer) => void): Promise<Buffer> {
  const bytes = await packed({ a: text('x'.repeat(1_000)) })
  change(bytes.subarray(bytes.lastIndexOf('PK\x01\x02')))
  return bytes
}

test('a bomb is not unpacked beyond what its directory says', async () => {
  const bomb = deflateRawSync(Buffer.alloc(20 << 20))
  const bytes = await packed({ a: text('x') })
  const central = bytes.subarray(bytes.lastIndexOf('PK\x01\x02'), -22)
  const local = bytes.subarray(0, 31)
  central.writeUInt32LE(bomb.length, 20)
  central.writeUInt32LE(1_000, 24)
  const end = Buffer.from(bytes.subarray(-22))
  end.writeUInt32LE(local.length + bomb.length, 16)
  writeFileSync(path, Buffer.concat([local, bomb, central, end]))
  const file = await openFile(path)
  const entry = (await readDirectory(file)).get('a')
  let given = 0
  const read = async () => {
    if (entry) for await (const chunk of readEntry(file, entry)) given += chunk.length
  }
  await expect(read()).rejects.toThrow(RangeError)
  await file.close()
  expect(given).toBeLessThan(1_000_000)
})

test.each([
  ['is empty', async () => Buffer.alloc(0)],
  ['is no zip', async () => Buffer.alloc(1_000, 'x')],
  ['is cut', async () => (await packed({ a: text('x') })).subarray(0, -1)],
  ['says another length', () => withEntry((central) => central.writeUInt32LE(999, 24))],
  ['says another checksum', () => withEntry((central) => central.writeUInt32LE(crc32('y'), 16))],
  ['is packed in another way', () => withEntry((central) => central.writeUInt16LE(12, 10))],
  ['says another place', () => withEntry((central) => central.writeUInt32LE(3, 42))],
  ['has a broken directory', () => withEntry((central) => central.writeUInt8(0, 0))],
])('a file that %s is refused', async (_what, bytes) => {
  await expect(bytes().then(unpacked)).rejects.toThrow(RangeError)
})

/** One file, its end and directory as somebody wrote them. */
async function withEnd(change: (end: Buffer) => void): Promise<Buffer> {
  const bytes = await packed({ a: text('x') })
  change(bytes.subarray(-22))
  return bytes
}
const tooMany = 'too many files in it'

test.each([
  ['of 60,001 files', tooMany, (end: Buffer) => end.writeUInt16LE(60_001, 10)],
  ['that goes beyond the file', tooMany, (end: Buffer) => end.writeUInt32LE(4_000, 12)],
  ['that begins beyond the file', tooMany, (end: Buffer) => end.writeUInt32LE(2 ** 32 - 1, 16)],
  ['that is cut', 'the directory of the zip is broken', (end: Buffer) => end.writeUInt32LE(45, 12)],
])('a zip with a directory %s is refused', async (_what, said, change) => {
  await expect(withEnd(change).then(unpacked)).rejects.toThrow(said)
})

test('a directory of more than 8 MiB is not read', async () => {
  const size = 2 ** 31
  const end = (await withEnd((bytes) => bytes.writeUInt32LE((8 << 20) + 1, 12))).subarray(-22)
  const asked: number[] = []
  const read = async (from: number, to: number) => {
    asked.push(to - from)
    return to === size ? end : new Uint8Array(46)
  }
  await expect(readDirectory({ size, read })).rejects.toThrow(tooMany)
  expect(asked).toHaveLength(1)
})

test('a file that begins where the zip ends is refused', async () => {
  const bytes = await withEntry((central) => central.writeUInt32LE(2 ** 31, 42))
  await expect(unpacked(bytes)).rejects.toThrow('a is not where the zip says')
})

test('a file with another name where its bytes are is refused: whoever unpacks without the directory sees that one', async () => {
  const bytes = await packed({ a: text('one') })
  bytes.write('b', 30)
  await expect(unpacked(bytes)).rejects.toThrow('a is not where the zip says')
})

test('a folder is no file', async () => {
  await expect(openFile(directory)).rejects.toThrow(`${directory} is no file`)
})

test('a name that is there twice is refused: readers would not agree which one counts', async () => {
  const bytes = await packed({ a: text('one'), b: text('two') })
  const twice = Buffer.from(bytes.toString('latin1').replaceAll('b', 'a'), 'latin1')
  await expect(unpacked(twice)).rejects.toThrow('twice')
})
