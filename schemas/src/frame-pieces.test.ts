import fc from 'fast-check'
import { expect, test } from 'vitest'
import { framePieces } from './frame-pieces.ts'
import { encodeFrame, FrameType, frameHeadBytes, maxDataBytes } from './tunnel-frame.ts'

const later = (call: () => void) => void setTimeout(call, 0)
const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = ({ value }: IteratorResult<Uint8Array>) => new TextDecoder().decode(value)

function pattern(from: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (from + i) % 251)
}

function isPattern(bytes: Uint8Array, from: number): boolean {
  return bytes.every((byte, i) => byte === (from + i) % 251)
}

async function* reads(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const size of sizes) {
    at += size
    yield pattern(at - size, size)
  }
}

test('any slicing of a body comes as the same bytes, in full frames but the last', async () => {
  const size = fc.oneof(fc.nat(3_000), fc.constantFrom(0, 1, 16_384, 65_536, maxDataBytes))
  await fc.assert(
    fc.asyncProperty(fc.array(size, { maxLength: 12 }), async (sizes) => {
      const total = sizes.reduce((sum, one) => sum + one, 0)
      let [came, count] = [0, 0]
      for await (const piece of framePieces(reads(sizes), later)) {
        expect(isPattern(piece, came)).toBe(true)
        came += piece.length
        count += 1
      }
      expect([came, count]).toEqual([total, Math.ceil(total / maxDataBytes)])
    }),
    { numRuns: 60 },
  )
})

test('what does not fill a frame leaves at the end of the turn, however long the next is away', async () => {
  const goes: Array<() => void> = []
  const away = new Promise<void>((resolve) => goes.push(resolve))
  async function* slow() {
    yield bytesOf('now')
    await away
    yield bytesOf('later')
  }
  const pieces = framePieces(slow(), later)
  expect(textOf(await pieces.next())).toBe('now')
  const next = pieces.next()
  goes[0]?.()
  expect(textOf(await next)).toBe('later')
  expect((await pieces.next()).done).toBe(true)
})

test('a frame of such a piece is made where it is, once; the same piece again is copied', async () => {
  const { value: piece } = (await framePieces(reads([maxDataBytes]), later).next()) as {
    value: Uint8Array
  }
  const frame = encodeFrame(FrameType.data, { streamId: 7, payload: piece })
  expect(frame.buffer).toBe(piece.buffer)
  expect(isPattern(frame.subarray(frameHeadBytes), 0)).toBe(true)
  const again = encodeFrame(FrameType.data, { streamId: 8, payload: piece })
  expect(again.buffer).not.toBe(piece.buffer)
  expect(frame.subarray(4, 8)).toEqual(Uint8Array.of(0, 0, 0, 7))
})

test('reads are given back once they were copied', async () => {
  const read = new Uint8Array(65_536)
  async function* one() {
    yield read
  }
  let bytes = 0
  for await (const piece of framePieces(one(), later)) bytes += piece.length
  expect([bytes, read.buffer.byteLength]).toEqual([65_536, 0])
})

test('a body that breaks off does so after what came of it, also while that is still being sent', async () => {
  async function* broken() {
    yield bytesOf('some')
    await new Promise((resolve) => setTimeout(resolve, 5))
    throw new Error('broken off')
  }
  const pieces = framePieces(broken(), later)
  expect(textOf(await pieces.next())).toBe('some')
  await new Promise((resolve) => setTimeout(resolve, 20))
  await expect(pieces.next()).rejects.toThrow('broken off')
})

test('whatever came of a body before it breaks off is given first, however it was sliced', async () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.constantFrom(16_384, maxDataBytes))
  await fc.assert(
    fc.asyncProperty(fc.array(size, { maxLength: 6 }), async (sizes) => {
      async function* broken() {
        yield* reads(sizes)
        throw new Error('broken off')
      }
      let came = 0
      const all = async () => {
        for await (const piece of framePieces(broken(), later)) {
          expect(isPattern(piece, came)).toBe(true)
          came += piece.length
        }
      }
      await expect(all()).rejects.toThrow('broken off')
      expect(came).toBe(sizes.reduce((sum, one) => sum + one, 0))
    }),
    { numRuns: 40 },
  )
})

test('who leaves in the middle does not wait for a read that never ends, and the body is told', async () => {
  let isClosed = false
  async function* slow() {
    try {
      yield bytesOf('x')
      await new Promise((resolve) => setTimeout(resolve, 20))
      yield bytesOf('y')
    } finally {
      isClosed = true
    }
  }
  for await (const _ of framePieces(slow(), later)) break
  expect(isClosed).toBe(false)
  await expect.poll(() => isClosed).toBe(true)
})
