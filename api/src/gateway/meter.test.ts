import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { giveBack } from '@travessia/schemas/give-back'
import { expect, test } from 'vitest'
import { Meter } from './meter.ts'

async function through(
  meter: Meter,
  chunks: readonly string[],
  expected?: number,
): Promise<string> {
  let text = ''
  await pipeline(
    chunks.map((chunk) => Buffer.from(chunk)),
    meter.stream(expected),
    async (source) => {
      for await (const chunk of source) text += String(chunk)
    },
  )
  return text
}

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

test('fewer or more bytes than announced break the answer, and not one byte too many passes', async () => {
  const wrong = expect.objectContaining({ code: 'DEVICE_PROTOCOL' })
  await expect(through(new Meter(), ['ab'], 3)).rejects.toEqual(wrong)
  await expect(through(new Meter(), ['abc', 'd'], 3)).rejects.toEqual(wrong)
  await expect(through(new Meter(), ['x'], 0)).rejects.toEqual(wrong)
  expect(await through(new Meter(), ['ab', 'cd'])).toBe('abcd')
})
