import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { giveBack } from '@travessia/schemas/give-back'
import { expect, test } from 'vitest'
import { Meter } from './meter.ts'

type Way = (meter: Meter, chunks: readonly string[], expected?: number) => Promise<string>

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const piece of pieces) text += String(piece)
  return text
}
const buffers = (chunks: readonly string[]) => chunks.map((chunk) => Buffer.from(chunk))

const through: Way = (meter, chunks, expected) =>
  pipeline(buffers(chunks), meter.stream(expected), textOf)
const piecewise: Way = (meter, chunks, expected) =>
  textOf(meter.checked(Readable.from(buffers(chunks)), expected))

test('a meter passes on, counts and digests; what comes after the facts were taken is not counted', async () => {
  const meter = new Meter()
  expect(await through(meter, ['ab', 'c'], 3)).toBe('abc')
  const digest = `sha256:${createHash('sha256').update('abc').digest('hex')}`
  expect(meter.facts()).toEqual({ bytes: 3, digest })
  meter.add(Buffer.from('late'))
  expect(meter.facts()).toEqual({ bytes: 3, digest })
})

test.each([16_383, 16_384, 60_000])(
  'a piece of %s bytes is digested also when its memory is given back before the facts are taken',
  (bytes) => {
    const meter = new Meter()
    const piece = Buffer.from(new ArrayBuffer(bytes)).fill('x')
    const digest = `sha256:${createHash('sha256').update(piece).digest('hex')}`
    meter.add(piece)
    giveBack(piece)
    expect(meter.facts()).toEqual({ bytes, digest })
  },
)

test.each([
  ['stream', through],
  ['row of pieces', piecewise],
])(
  'fewer or more bytes than announced break the answer, and not one byte too many passes: a %s',
  async (_what, pass) => {
    const wrong = expect.objectContaining({ code: 'DEVICE_PROTOCOL' })
    await expect(pass(new Meter(), ['ab'], 3)).rejects.toEqual(wrong)
    await expect(pass(new Meter(), ['abc', 'd'], 3)).rejects.toEqual(wrong)
    await expect(pass(new Meter(), ['x'], 0)).rejects.toEqual(wrong)
    expect(await pass(new Meter(), ['ab', 'cd'])).toBe('abcd')
    expect(await pass(new Meter(), ['ab', 'c'], 3)).toBe('abc')
  },
)
