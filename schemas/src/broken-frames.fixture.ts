/** For tests: frames that nobody of us wrote, near enough to real ones to come far. */
import fc from 'fast-check'
import { decodeFrame, decodeHello, encodeFrame, FrameType } from './tunnel-frame.ts'
import { encodeHead, type RequestHead } from './tunnel-head.ts'
import { decodeStandings } from './tunnel-standing.ts'

const request = {
  ...{ deviceId: '01ARZ3NDEKTSV4RRFFQ69G5FAV', method: 'GET', path: '/', headers: ['a', 'b'] },
  ...{ grant: 'a.b.c', timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1 } },
}
const value = fc.oneof(fc.jsonValue(), fc.string(), fc.nat(), fc.constant('/\r\n'))
/** Any JSON, or a head with one member that is not what it was. */
const head = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom({ status: 200, headers: [] }, { commandId: request.deviceId }, request),
  fc
    .tuple(fc.constantFrom(...Object.keys(request), 'port', 'camera', 'webSocket', 'x'), value)
    .map(([name, other]) => ({ ...request, [name]: other })),
)
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc
    .tuple(head, fc.uint8Array({ maxLength: 8 }))
    .map(([said, body]) => encodeHead(said as RequestHead, body)),
)
const frame = fc
  .record({
    type: fc.constantFrom(...Object.values(FrameType)),
    flags: fc.nat(31),
    streamId: fc.oneof(fc.nat(20), fc.nat(0xffffffff)),
    seq: fc.nat(2),
    payload,
  })
  .map(({ type, ...rest }) => encodeFrame(type, rest))
const change = fc.tuple(fc.nat(40), fc.nat(255))

export const brokenFrame: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }) },
  { weight: 3, arbitrary: frame },
  {
    weight: 3,
    arbitrary: fc
      .tuple(frame, fc.array(change, { minLength: 1, maxLength: 3 }), fc.nat(60))
      .map(([whole, changes, cut]) => {
        const bytes = whole.slice(0, Math.max(whole.length - Math.max(cut - 40, 0), 0))
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte
        return bytes
      }),
  },
)

/** Whether it speaks of this stream, or ends all by a HELLO. */
export function speaksOf(streamId: number, bytes: Uint8Array): boolean {
  try {
    const { type, streamId: said, payload } = decodeFrame(bytes)
    if (said !== 0) return said === streamId
    if (type === FrameType.hello) return decodeHello(payload).epoch !== ''
    const lines = type === FrameType.credit ? decodeStandings(payload) : []
    return lines.some((line) => line.streamId === streamId)
  } catch {
    return false
  }
}
