/** The socket front under broken bytes: what it takes, lets pass and refuses depends on the bytes, not on how they come. */
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { connect, packet, pingreq, puback, publish, subscribe } from './packets.fixture.ts'
import { defaultLimits, TransportGuard } from './transport-guard.ts'

const hello = connect({ clientId: 'a'.repeat(26), username: 'a'.repeat(26), password: 'token' })
const topic = 'travessia/v1/x/y/up/z'
const limits = { ...defaultLimits, framesPerSecond: 1e9, packetsPerSecond: 1e9 }

/** What the front made of the bytes of a connection after its CONNACK. */
type Outcome = { frames: string[]; passed: Buffer; problem: string | undefined; kept: number }

function front(chunks: readonly Buffer[]): Outcome {
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
  const guard = new TransportGuard(socket, limits)
  const outcome: Outcome = { frames: [], passed: Buffer.alloc(0), problem: undefined, kept: 0 }
  guard.on('error', () => undefined)
  const parts: Buffer[] = []
  const take = () => {
    for (let part = guard.read() as Buffer | null; part; part = guard.read()) parts.push(part)
  }
  socket.emit('data', hello)
  guard.connected(true)
  take()
  guard.tap(topic, (frame) => outcome.frames.push(Buffer.from(frame).toString('latin1')))
  for (const chunk of chunks) {
    // A read is the guard's, which gives its memory back.
    socket.emit('data', Buffer.from(chunk))
    outcome.problem = guard.errored?.message
    if (outcome.problem !== undefined) break
    take()
  }
  outcome.kept = guard.readableLength
  outcome.passed = Buffer.concat(parts).subarray(hello.length)
  guard.destroy()
  return outcome
}

/** Payloads of our frames and all other bytes, read the simple way: packet after packet, all bytes at hand. */
function readSimply(bytes: Buffer): { frames: string[]; rest: Buffer; largest: number } {
  const frames: string[] = []
  let largest = 0
  const rest: Buffer[] = []
  const head = Buffer.concat([Buffer.from([0, topic.length]), Buffer.from(topic)])
  for (let at = 0; at < bytes.length; ) {
    let [length, lengthBytes] = [0, 0]
    for (let more = true; more && lengthBytes < 5; lengthBytes += 1) {
      const byte = bytes[at + 1 + lengthBytes] ?? 0
      length += (byte & 127) * 128 ** lengthBytes
      more = byte >= 128
    }
    const bodyAt = at + 1 + lengthBytes
    const end = lengthBytes === 5 ? Number.POSITIVE_INFINITY : bodyAt + length
    // Of a length that has not come nobody can say how much it is.
    if (bodyAt <= bytes.length) largest = Math.max(largest, end - at)
    const isOurs =
      bytes[at] === 0x30 &&
      end - at <= limits.maxPacketBytes &&
      head.equals(bytes.subarray(bodyAt, Math.min(end, bodyAt + head.length)))
    if (!isOurs) rest.push(bytes.subarray(at, end))
    else if (end <= bytes.length) frames.push(bytes.toString('latin1', bodyAt + head.length, end))
    at = end
  }
  return { frames, rest: Buffer.concat(rest), largest }
}

const bytes = fc.uint8Array({ maxLength: 40 }).map((part) => Buffer.from(part))
const anyPacket = fc.oneof(
  { weight: 6, arbitrary: bytes.map((payload) => publish(topic, payload)) },
  { weight: 2, arbitrary: fc.nat(66_000).map((size) => publish(topic, Buffer.alloc(size, 48))) },
  { weight: 2, arbitrary: bytes.map((payload) => publish(topic, payload, 1)) },
  { weight: 2, arbitrary: bytes.map((inner) => publish(`${topic}z`, publish(topic, inner))) },
  { weight: 1, arbitrary: bytes.map((payload) => publish(topic.slice(0, -1), payload)) },
  { weight: 1, arbitrary: bytes.map((payload) => packet(0x31, payload)) },
  { weight: 2, arbitrary: fc.constantFrom(pingreq, puback(7), subscribe([topic]), hello) },
  { weight: 1, arbitrary: bytes },
)
/** One byte becomes another, goes, or comes in. */
const change = fc.record({
  at: fc.nat(2_000),
  how: fc.constantFrom('set', 'set', 'delete', 'insert'),
  byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x30, 0x80, 0xff)),
})
const stream = fc
  .tuple(fc.array(anyPacket, { maxLength: 8 }), fc.array(change, { maxLength: 3 }))
  .map(([packets, changes]) => {
    let all = Buffer.concat(packets)
    for (const { at, how, byte } of changes) {
      const place = at % (all.length + 1)
      const behind = all.subarray(how === 'insert' ? place : place + 1)
      const between = Buffer.from(how === 'delete' ? [] : [byte])
      all = Buffer.concat([all.subarray(0, place), between, behind])
    }
    return all
  })
const slices = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 40_000 })),
  {
    minLength: 1,
  },
)

function sliced(all: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, i = 0; at < all.length; i += 1) {
    const size = i < 500 ? (sizes[i % sizes.length] ?? 1) : 4_000
    chunks.push(all.subarray(at, at + size))
    at += size
  }
  return chunks
}

test('broken packets in any slicing: the same verdict and frames, none of another topic, nothing kept', () => {
  fc.assert(
    fc.property(stream, slices, (all, sizes) => {
      const whole = front([all])
      const parts = front(sliced(all, sizes))
      const simple = readSimply(all)
      expect(parts.problem).toBe(whole.problem)
      expect(parts.frames).toEqual(whole.frames)
      expect(whole.frames).toEqual(simple.frames.slice(0, whole.frames.length))
      for (const { passed } of [whole, parts])
        expect(passed.equals(simple.rest.subarray(0, passed.length))).toBe(true)
      expect(parts.kept).toBeLessThanOrEqual(limits.maxPacketBytes)
      if (whole.problem !== undefined) return
      expect(simple.largest).toBeLessThanOrEqual(limits.maxPacketBytes)
      expect(whole.frames).toEqual(simple.frames)
      expect(parts.passed.equals(whole.passed)).toBe(true)
    }),
    { numRuns: 400 },
  )
})
