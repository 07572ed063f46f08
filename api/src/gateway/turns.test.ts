import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { inTurns, type Pieces } from './turns.ts'

/** Each piece takes so long. */
function slow(pieceMs: number, done: { pieces: number }): Pieces {
  return {
    *read(chunk) {
      for (const letter of chunk) {
        for (const end = performance.now() + pieceMs; performance.now() < end; );
        done.pieces += 1
        yield letter
      }
    },
    *end() {
      yield '.'
    },
  }
}

test('many at once take no more of a round together than one alone', async () => {
  const done = { pieces: 0 }
  const streams = Array.from({ length: 20 }, () => inTurns(slow(3, done)))
  const results = streams.map((stream) => buffer(stream))
  for (const stream of streams) stream.end('abcdé', 'latin1')
  let most = 0
  for (let last = 0; done.pieces < 100; last = done.pieces) {
    await setImmediate()
    most = Math.max(most, done.pieces - last)
  }
  // 8 ms of waiting ones and 8 ms of new ones.
  expect(most).toBeLessThanOrEqual(6)
  for (const result of results) expect((await result).toString('latin1')).toBe('abcdé.')
})

test('work for a stream that is gone ends with its turn', async () => {
  const done = { pieces: 0 }
  const stream = inTurns(slow(20, done))
  stream.write('abcdefgh')
  await setImmediate()
  stream.destroy()
  await once(stream, 'close')
  const before = done.pieces
  for (let i = 0; i < 10; i += 1) await setImmediate()
  expect(done.pieces).toBe(before)
  expect(before).toBeLessThan(8)
})

test('what fails within is the failure of the stream', async () => {
  const stream = inTurns({
    *read() {
      yield ''
      throw new TypeError('no')
    },
    end: () => [],
  })
  stream.end('x')
  await expect(buffer(stream)).rejects.toThrow('no')
})
