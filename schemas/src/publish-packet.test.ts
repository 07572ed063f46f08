import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameBatch } from './frame-batch.ts'
import { giveBack } from './give-back.ts'
import { PublishTap, publishHead } from './publish-packet.ts'
import { encodeFrame, FrameType, frameRoomBytes } from './tunnel-frame.ts'

const prefix = bytesOf('travessia/v1/t/a/up/')
const maxPacketBytes = 64 * 1024

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

/** Written without the code under test. */
function packet(first: number, topic: Uint8Array, payload: Uint8Array): Uint8Array {
  const rest = [topic.length >> 8, topic.length & 255, ...topic, ...payload]
  const length: number[] = []
  let left = rest.length
  do {
    length.push((left & 127) | (left > 127 ? 128 : 0))
    left >>>= 7
  } while (left > 0)
  return Uint8Array.from([first, ...length, ...rest])
}

function read(chunks: readonly Uint8Array[]) {
  const frames: Array<{ suffix: string; payload: number[] }> = []
  const rest: Uint8Array[] = []
  const tap = new PublishTap(
    { prefix, suffixBytes: 2, maxPacketBytes },
    {
      frame: (payload, suffix) =>
        frames.push({ suffix: new TextDecoder().decode(suffix), payload: [...payload] }),
      rest: (bytes) => rest.push(bytes.slice()) > 0,
    },
  )
  for (const chunk of chunks) tap.read(chunk)
  return { frames, rest: joined(rest) }
}

const ours = (payload: Uint8Array, suffix = 'n1') =>
  packet(0x30, joined([prefix, bytesOf(suffix)]), payload)
const small = Uint8Array.of(1, 2, 3)

test('a head and its payload are the packet that MQTT 3.1.1 describes, at every length of its length', () => {
  const topic = joined([prefix, bytesOf('n1')])
  for (const bytes of [0, 1, 101, 102, 103, 16_357, 16_358, 16_359, 60_000]) {
    const payload = new Uint8Array(bytes).fill(7)
    expect(joined([publishHead(topic, bytes), payload])).toEqual(packet(0x30, topic, payload))
  }
})

test('frames are taken out of the stream, several of one read and one of many reads; the rest stays as it came', () => {
  const ping = Uint8Array.of(0xc0, 0)
  const stream = joined([ping, ours(small), ours(Uint8Array.of(), 'n2'), ping, ours(small)])
  const expected = [
    { suffix: 'n1', payload: [1, 2, 3] },
    { suffix: 'n2', payload: [] },
    { suffix: 'n1', payload: [1, 2, 3] },
  ]
  for (const chunks of [[stream], [...stream].map((byte) => Uint8Array.of(byte))]) {
    const { frames, rest } = read(chunks)
    expect(frames).toEqual(expected)
    expect(rest).toEqual(joined([ping, ping]))
  }
})

const odd: ReadonlyArray<[string, Uint8Array]> = [
  ['QoS 1', packet(0x32, joined([prefix, bytesOf('n1')]), small)],
  ['QoS 2', packet(0x34, joined([prefix, bytesOf('n1')]), small)],
  ['retain', packet(0x31, joined([prefix, bytesOf('n1')]), small)],
  ['dup', packet(0x38, joined([prefix, bytesOf('n1')]), small)],
  ['the topic of another', packet(0x30, bytesOf('travessia/v1/t/b/up/n1'), small)],
  ['a longer topic', packet(0x30, joined([prefix, bytesOf('n1/')]), small)],
  ['a shorter topic', packet(0x30, joined([prefix, bytesOf('n')]), small)],
  ['a topic that is longer than its packet', Uint8Array.of(0x30, 4, 0, 22, 116, 114)],
  ['more than the largest packet', ours(new Uint8Array(maxPacketBytes))],
  ['a length of five bytes', Uint8Array.of(0x30, 255, 255, 255, 255, 1, 0, 0)],
]

test.each(odd)('a PUBLISH with %s is not taken and passes byte for byte', (_what, bytes) => {
  for (const chunks of [[bytes], [bytes.subarray(0, 3), bytes.subarray(3)]])
    expect(read(chunks)).toEqual({ frames: [], rest: bytes })
})

test('after a length that is none nothing is taken any more', () => {
  const { frames } = read([Uint8Array.of(0xc0, 128, 128, 128, 128, 1), ours(small)])
  expect(frames).toEqual([])
})

test('when the connection is over nothing more is looked at', () => {
  const frames: Uint8Array[] = []
  const outlet = { frame: (payload: Uint8Array) => frames.push(payload), rest: () => false }
  new PublishTap({ prefix, suffixBytes: 2, maxPacketBytes }, outlet).read(
    joined([Uint8Array.of(0xc0, 0), ours(small)]),
  )
  expect(frames).toEqual([])
})

const anyPacket = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((payload) => ({ bytes: ours(payload), frames: 1 })),
  fc.nat(20_000).map((length) => ({ bytes: ours(new Uint8Array(length)), frames: 1 })),
  fc.constantFrom(...odd.slice(0, 7)).map(([, bytes]) => ({ bytes, frames: 0 })),
  fc.constant({ bytes: Uint8Array.of(0xc0, 0), frames: 0 }),
)

test('any slicing of the same bytes gives the same frames and the same rest', () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9_000 }))
  const packets = fc.array(anyPacket, { maxLength: 6 })
  fc.assert(
    fc.property(packets, fc.array(size, { minLength: 1 }), (sent, sizes) => {
      const stream = joined(sent.map(({ bytes }) => bytes))
      const chunks: Uint8Array[] = []
      for (let at = 0, i = 0; at < stream.length; i += 1) {
        const bytes = sizes[i % sizes.length] ?? 1
        chunks.push(stream.subarray(at, at + bytes))
        at += bytes
      }
      const whole = read([stream])
      expect(read(chunks)).toEqual(whole)
      expect(whole.frames).toHaveLength(sent.reduce((sum, { frames }) => sum + frames, 0))
    }),
    { numRuns: 200 },
  )
})

test('frames of one turn are one write, in order; a large payload is a part of its own, never copied', () => {
  const writes: Uint8Array[] = []
  const turn: Array<() => void> = []
  const sink = {
    cork: () => undefined,
    uncork: () => undefined,
    write: (b: Uint8Array) => writes.push(b) > 0,
  }
  const batch = new FrameBatch(sink, (flush) => turn.push(flush))
  const topic = joined([prefix, bytesOf('n1')])
  const large = new Uint8Array(20_000).fill(9)
  for (const frame of [small, small]) batch.add(topic, frame)
  expect([writes, turn.length]).toEqual([[], 1])
  turn[0]?.()
  expect(writes).toEqual([joined([ours(small), ours(small)])])
  expect(batch.bytes).toBe(0)
  batch.add(topic, large)
  batch.add(topic, small)
  turn[1]?.()
  expect(writes[2]).toBe(large)
  expect(joined(writes.slice(1))).toEqual(joined([ours(large), ours(small)]))
})

test('a large frame that was made with room before it is one piece with its head', () => {
  const writes: Uint8Array[] = []
  const sink = {
    cork: () => undefined,
    uncork: () => undefined,
    write: (b: Uint8Array) => writes.push(b) > 0,
  }
  const batch = new FrameBatch(sink, () => undefined)
  const topic = joined([prefix, bytesOf('n1')])
  const payload = new Uint8Array(20_000).fill(9)
  const frame = encodeFrame(FrameType.data, { streamId: 3, payload })
  const said = frame.slice()
  batch.add(topic, frame)
  batch.flush()
  expect(writes.map(({ buffer }) => buffer)).toEqual([frame.buffer])
  expect(joined(writes)).toEqual(packet(0x30, topic, said))
  const longTopic = new Uint8Array(frameRoomBytes).fill(120)
  batch.add(longTopic, encodeFrame(FrameType.data, { streamId: 3, payload }))
  batch.flush()
  expect(joined(writes.slice(1))).toEqual(packet(0x30, longTopic, said))
})

test('many small frames of one turn are pieces of at most 64 KiB', () => {
  const writes: Uint8Array[] = []
  const sink = {
    cork: () => undefined,
    uncork: () => undefined,
    write: (b: Uint8Array) => writes.push(b) > 0,
  }
  let flush: () => void = () => undefined
  const batch = new FrameBatch(sink, (call) => {
    flush = call
  })
  for (let i = 0; i < 100; i += 1) batch.add(prefix, new Uint8Array(10_000))
  flush()
  expect(Math.max(...writes.map(({ length }) => length))).toBeLessThanOrEqual(64 * 1024)
  expect(writes.length).toBeLessThan(20)
})

test('a sink that does not take everything at once is told of', () => {
  let full = 0
  const sink = { cork: () => undefined, uncork: () => undefined, write: () => false }
  const batch = new FrameBatch(
    sink,
    (flush) => flush(),
    () => {
      full += 1
    },
  )
  batch.add(prefix, small)
  batch.flush()
  expect(full).toBe(1)
})

test('a read of which nobody has a part is given back; one that was handed on is not', () => {
  const frames: Uint8Array[] = []
  const rests: Uint8Array[] = []
  const tap = new PublishTap(
    { prefix, suffixBytes: 2, maxPacketBytes },
    { frame: (payload) => frames.push(payload), rest: (bytes) => rests.push(bytes) > 0 },
  )
  const stream = joined([
    ours(new Uint8Array(60_000).fill(1)),
    ours(new Uint8Array(30_000).fill(2)),
  ])
  const [inTheMiddle, withAWhole] = [stream.slice(0, 40_000), stream.slice(40_000)]
  tap.read(inTheMiddle)
  tap.read(withAWhole)
  expect([inTheMiddle.buffer.byteLength, withAWhole.buffer.byteLength]).toEqual([
    0,
    withAWhole.length,
  ])
  expect(frames.map((payload) => [payload.length, payload[0], payload.at(-1)])).toEqual([
    [60_000, 1, 1],
    [30_000, 2, 2],
  ])
  const foreign = packet(0x30, bytesOf('travessia/v1/t/a/ack'), new Uint8Array(20_000))
  tap.read(foreign)
  expect([rests.at(-1), foreign.buffer.byteLength]).toEqual([foreign, foreign.length])
})

test('of a read that several have parts of nothing is given back when the last of them is done', () => {
  const ping = Uint8Array.of(0xc0, 0)
  for (const others of [[ours(small)], [ping], [ours(small), ping]]) {
    const parts: Uint8Array[] = []
    const take = (bytes: Uint8Array) => parts.push(bytes) > 0
    const tap = new PublishTap(
      { prefix, suffixBytes: 2, maxPacketBytes },
      { frame: take, rest: take },
    )
    tap.read(joined([...others, ours(new Uint8Array(20_000))]))
    giveBack(parts.at(-1) ?? small)
    expect(parts[0]?.length).toBeGreaterThan(0)
    expect(parts.at(-1)?.length).toBe(20_000)
  }
})

test('nor of one that a WebSocket has made several messages of', () => {
  const frames: Uint8Array[] = []
  const outlet = { frame: (payload: Uint8Array) => frames.push(payload), rest: () => true }
  const tap = new PublishTap({ prefix, suffixBytes: 2, maxPacketBytes, maxHeadBytes: 8 }, outlet)
  const [first, whole, begun] = [
    ours(small),
    ours(new Uint8Array(20_000)),
    ours(new Uint8Array(30_000)),
  ]
  const messages = (last: Uint8Array) => {
    const read = joined([new Uint8Array(8), first, new Uint8Array(8), last])
    return [read.subarray(8, 8 + first.length), read.subarray(16 + first.length)]
  }
  for (const message of messages(whole)) tap.read(message)
  giveBack(frames.at(-1) ?? small)
  for (const message of messages(begun.subarray(0, 25_000))) tap.read(message)
  expect(frames.map(({ length }) => length)).toEqual([3, 20_000, 3])
  const behindHead = begun.slice(0, 25_000).subarray(4)
  new PublishTap({ prefix, suffixBytes: 2, maxPacketBytes }, outlet).read(behindHead)
  expect(behindHead.length).toBe(24_996)
})

test('a large packet is given back when it was written, and kept after an error', () => {
  const ended: Array<(error?: Error) => void> = []
  const writes: Uint8Array[] = []
  const sink = {
    cork: () => undefined,
    uncork: () => undefined,
    write: (bytes: Uint8Array, done?: (error?: Error) => void) => {
      if (done) ended.push(done)
      return writes.push(bytes) > 0
    },
  }
  const batch = new FrameBatch(sink, () => undefined)
  for (let i = 0; i < 2; i += 1)
    batch.add(prefix, encodeFrame(FrameType.data, { streamId: 1, payload: new Uint8Array(20_000) }))
  batch.add(prefix, small)
  batch.flush()
  expect(writes.map(({ length }) => length > 16_384)).toEqual([true, true, false])
  expect(ended).toHaveLength(2)
  ended[0]?.()
  ended[1]?.(new Error('cut'))
  expect(writes.map(({ buffer }) => buffer.byteLength > 0)).toEqual([false, true, true])
})
