import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decodeCodeAndText,
  decodeCredit,
  decodeFrame,
  decodeHello,
  decodePong,
  encodeCodeAndText,
  encodeCredit,
  encodeFrame,
  encodeHello,
  encodePing,
  encodePong,
  encodeReset,
  Flag,
  FrameType,
  maxFrameBytes,
  ResetCode,
} from './tunnel-frame.ts'

test('decodeFrame reads back every frame that encodeFrame wrote, without copying the payload', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(FrameType)),
      fc.nat(255),
      fc.nat(0xffffffff),
      fc.nat(0xffffffff),
      fc.uint8Array({ maxLength: 300 }),
      (type, flags, streamId, seq, payload) => {
        const bytes = encodeFrame(type, { flags, streamId, seq, payload })
        const frame = decodeFrame(bytes)
        expect(frame).toEqual({ type, flags, streamId, seq, payload })
        expect(frame.payload.buffer).toBe(bytes.buffer)
      },
    ),
  )
})

test('decodeFrame throws only FRAME_INVALID on rubbish', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decodeFrame(bytes)
      } catch (error) {
        expect(error).toMatchObject({ code: 'FRAME_INVALID' })
      }
    }),
  )
})

test.each([
  ['a short frame', new Uint8Array(11)],
  ['another version', encodeFrame(FrameType.data, { streamId: 1 }).with(0, 0x22)],
  ['type 0', encodeFrame(FrameType.data, { streamId: 1 }).with(0, 0x10)],
  ['an unknown type', encodeFrame(FrameType.data, { streamId: 1 }).with(0, 0x1f)],
  ['reserved bits', encodeFrame(FrameType.data, { streamId: 1 }).with(3, 1)],
  [
    'an over-long frame',
    encodeFrame(FrameType.data, { streamId: 1, payload: new Uint8Array(maxFrameBytes) }),
  ],
])('decodeFrame refuses %s', (_name, bytes) => {
  expect(() => decodeFrame(bytes)).toThrow(expect.objectContaining({ code: 'FRAME_INVALID' }))
})

test('hello, credit, reset, close and pong survive the way', () => {
  const hello = { epoch: 'e', windowBytes: 1, maxFrameBytes: 2 }
  expect(decodeHello(decodeFrame(encodeHello(hello)).payload)).toEqual(hello)
  const credit = { consumed: 65_536, window: 524_288 }
  expect(decodeCredit(decodeFrame(encodeCredit(7, credit)).payload)).toEqual(credit)
  expect(decodeCodeAndText(decodeFrame(encodeReset(7, ResetCode.cancel, 'gone')).payload)).toEqual({
    code: 1,
    text: 'gone',
  })
  expect(decodeCodeAndText(encodeCodeAndText(1000, 'adeus, até já'))).toEqual({
    code: 1000,
    text: 'adeus, até já',
  })
  const pong = decodeFrame(encodePong(decodeFrame(encodePing(12.5)).payload, 99.25))
  expect(pong.flags).toBe(Flag.pong)
  expect(decodePong(pong.payload)).toEqual({ pingAt: 12.5, peerAt: 99.25 })
})

test.each([
  [Number.NaN, 1],
  [1, Number.POSITIVE_INFINITY],
])('decodePong refuses the times %s and %s', (pingAt, peerAt) => {
  const ping = decodeFrame(encodePing(pingAt)).payload
  expect(() => decodePong(decodeFrame(encodePong(ping, peerAt)).payload)).toThrow(
    expect.objectContaining({ code: 'FRAME_INVALID' }),
  )
})

test.each([{ epoch: 1 }, { windowBytes: 0 }, { windowBytes: '1' }, { maxFrameBytes: 1.5 }])(
  'decodeHello refuses one with %j',
  (change) => {
    const hello = {
      epoch: 'e',
      windowBytes: 1,
      maxFrameBytes: 2,
      ...change,
    } as unknown as Parameters<typeof encodeHello>[0]
    expect(() => decodeHello(decodeFrame(encodeHello(hello)).payload)).toThrow(
      expect.objectContaining({ code: 'FRAME_INVALID' }),
    )
  },
)
