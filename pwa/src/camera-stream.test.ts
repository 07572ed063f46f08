import { encodePart, multipartEnd } from '@travessia/schemas/multipart'
import { expect, test } from 'vitest'
import { type LivePicture, PictureClock, readPictures, toneOfAge } from './camera-stream.ts'

const picture = (at: number) =>
  encodePart({ 'content-type': 'image/png', 'x-travessia-at': String(at) }, new Uint8Array(9))
const streamOf = (...chunks: Uint8Array[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })

async function read(...chunks: Uint8Array[]) {
  const pictures: LivePicture[] = []
  const end = await readPictures(streamOf(...chunks), (one) => pictures.push(one))
  return { pictures, end }
}

test('pictures come with their type, and the end with its reason', async () => {
  const end = encodePart({ 'x-travessia-end': 'time-limit' }, new Uint8Array())
  const { pictures, end: reason } = await read(picture(1), picture(2), end, multipartEnd)
  expect(pictures.map(({ blob }) => [blob.type, blob.size])).toEqual([
    ['image/png', 9],
    ['image/png', 9],
  ])
  expect(reason).toBe('time-limit')
})

test('a stream that breaks off has no reason', async () => {
  expect((await read(picture(1), picture(2).subarray(0, 20))).end).toBeUndefined()
})

test('whatever the clocks say, the quickest picture is new, and what waited on the way is old', () => {
  const clock = new PictureClock()
  // This clock is an hour behind the server's.
  const server = (ms: number) => ms + 3_600_000
  expect(clock.takenAt(server(1_000), 1_050)).toBe(1_050)
  expect(clock.takenAt(server(2_000), 6_050)).toBe(2_050)
  expect(clock.takenAt(server(7_000), 7_020)).toBe(7_020)
  expect(clock.takenAt(server(8_000), 8_050)).toBe(8_020)
})

test('a picture is late after three seconds and gone after ten', () => {
  expect([0, 2_999, 3_000, 9_999, 10_000].map(toneOfAge)).toEqual([
    ...['good', 'good', 'warn', 'warn', 'bad'],
  ])
})
