import fc from 'fast-check'
import { expect, test } from 'vitest'
import { brokenFrame } from './broken-frames.fixture.ts'
import { compile } from './compile.ts'
import {
  decodeCodeAndText,
  decodeCredit,
  decodeFrame,
  decodeHello,
  decodePong,
  frameHeadBytes,
} from './tunnel-frame.ts'
import { decodeHead, requestHeadSchema, responseHeadSchema } from './tunnel-head.ts'
import { decodeStandings } from './tunnel-standing.ts'

const isRequestHead = compile(requestHeadSchema)
const isResponseHead = compile(responseHeadSchema)

const ofPayload = {
  ...{ decodeHead, decodeHello, decodeCredit, decodeCodeAndText, decodePong, decodeStandings },
  decodeHeads: (payload: Uint8Array) => {
    const { head } = decodeHead(payload)
    return [isRequestHead(head), isResponseHead(head)]
  },
}

/** What comes of bytes that lie between others. @throws what is no TravessiaError of a frame */
function outcome(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array, around: number) {
  const read = new Uint8Array(bytes.length + 64).fill(around)
  read.set(bytes, 32)
  try {
    return JSON.stringify(decode(read.subarray(32, 32 + bytes.length)))
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'FRAME_INVALID') throw error
    return 'refused'
  }
}

test.each(Object.entries({ decodeFrame, ...ofPayload }))(
  '%s throws only FRAME_INVALID on broken frames, and what lies around them changes nothing',
  (name, decode) => {
    fc.assert(
      fc.property(brokenFrame, (bytes) => {
        const part = name === 'decodeFrame' ? bytes : bytes.subarray(frameHeadBytes)
        expect(outcome(decode, part, 0xff)).toBe(outcome(decode, part, 0))
      }),
      { numRuns: 1_000 },
    )
  },
)
