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

test('decodePong refuses a time that is not a number', () => {
  expect(() =>
    decodePong(decodeFrame(encodePong(decodeFrame(encodePing(Number.NaN)).payload, 1)).payload),
  ).toThrow()
})
