import { expect, test } from 'vitest'
import { maxFrameBytes } from './tunnel-frame.ts'
import { decodeHead, encodeHead } from './tunnel-head.ts'

test('a request head and the first body bytes travel in one payload', () => {
  const head = {
    deviceId: 'x',
    method: 'POST',
    path: '/é',
    headers: ['Host', 'd'],
    grant: 'a.b.c',
    timeouts: { connectMs: 1, firstByteMs: 2, idleMs: 3 },
  }
  const body = new Uint8Array([1, 2, 3])
  expect(decodeHead(encodeHead(head, body))).toEqual({ head, body })
})

test('a head that no frame holds is refused, and never cut', () => {
  const head = { status: 200, headers: ['a', 'x'.repeat(maxFrameBytes)] }
  expect(() => encodeHead(head)).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }))
})

test.each([new Uint8Array(1), new Uint8Array([0, 9, 1]), new Uint8Array([0, 1, 123])])(
  'decodeHead refuses %s',
  (payload) => {
    expect(() => decodeHead(payload)).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }))
  },
)
