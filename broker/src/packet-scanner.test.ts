import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PacketScanner } from './packet-scanner.ts'
import {
  connect,
  packet,
  pingreq,
  puback,
  publish,
  remainingLength,
  subscribe,
  text,
  uint16,
  unsubscribe,
} from './packets.fixture.ts'
import { defaultLimits } from './transport-guard.ts'

const hello = connect({ clientId: 'a'.repeat(26), username: 'a'.repeat(26), password: 'token' })
const topic = 'travessia/v1/x/y/up/z'

/** The verdict over everything that a client sends; connected after its first packet. */
function verdict(packets: readonly Buffer[], slice = Number.POSITIVE_INFINITY): string | undefined {
  const scanner = new PacketScanner(defaultLimits)
  for (const [i, bytes] of packets.entries()) {
    for (let at = 0; at < bytes.length; at += slice) {
      const problem = scanner.scan(bytes.subarray(at, at + slice))
      if (problem) return problem
    }
    if (i === 0) scanner.isConnected = true
  }
  return undefined
}

test('a CONNECT and every kind of packet that an agent sends pass', () => {
  const packets = [
    ...[hello, subscribe([`${topic}/+`]), publish(topic, 'x', 1), publish(topic, '')],
    ...[puback(1), pingreq, unsubscribe([topic]), packet(0xe0)],
  ]
  expect(verdict(packets)).toBeUndefined()
  expect(verdict(packets, 1)).toBeUndefined()
})

test('a packet of 64 KiB passes, one byte more does not', () => {
  const room = defaultLimits.maxPacketBytes - 4 - text(topic).length
  expect(verdict([hello, publish(topic, Buffer.alloc(room))])).toBeUndefined()
  expect(verdict([hello, publish(topic, Buffer.alloc(room + 1))])).toBe('packet too large')
})

test('a CONNECT of more than 4 KiB is refused at its fifth byte at the latest', () => {
  const long = connect({ clientId: 'a', username: 'a', password: 'x'.repeat(4_096) })
  expect(verdict([long])).toBe('packet too large')
  expect(verdict([long.subarray(0, 5)])).toBe('packet too large')
})

test('before CONNACK also the second packet is held to 4 KiB', () => {
  const scanner = new PacketScanner(defaultLimits)
  const late = Buffer.concat([hello, publish(topic, Buffer.alloc(5_000))])
  expect(scanner.scan(late)).toBe('packet too large')
})

test('[MQTT-2.2.3] a remaining length of five bytes is refused', () => {
  expect(verdict([hello, Buffer.from([0x30, 255, 255, 255, 255, 1])])).toBe('remaining length')
})

test('[MQTT-3.1.0-1] a first packet that is not CONNECT is refused at its first byte', () => {
  for (const first of [0x00, 0x20, 0x30, 0x82, 0xc0, 0xe0, 0xf0])
    expect(verdict([Buffer.from([first])])).toBe('first packet is not CONNECT')
})

test('[MQTT-3.1.0-2] a second CONNECT is refused', () => {
  expect(verdict([hello, hello])).toBe('second CONNECT')
  expect(verdict([Buffer.concat([hello, hello])])).toBe('second CONNECT')
})

const notText: ReadonlyArray<[string, Buffer]> = [
  ['U+0000', Buffer.from('a\0b')],
  ['an over-long slash', Buffer.from([0x61, 0xc0, 0xaf])],
  ['an over-long NUL', Buffer.from([0xc0, 0x80])],
  ['a high surrogate', Buffer.from([0xed, 0xa0, 0x80])],
  ['a low surrogate', Buffer.from([0xed, 0xb0, 0x80])],
  ['a cut sequence', Buffer.from([0x61, 0xe2, 0x82])],
  ['a byte above U+10FFFF', Buffer.from([0xf4, 0x90, 0x80, 0x80])],
]

test.each(notText)(
  '[MQTT-1.5.3-1] [MQTT-1.5.3-2] %s in a client id, filter or topic is refused',
  (_what, bytes) => {
    expect(verdict([connect({ clientId: bytes })])).toBe('client id')
    expect(verdict([hello, subscribe([bytes])])).toBe('filter')
    expect(verdict([hello, unsubscribe([bytes])])).toBe('filter')
    expect(verdict([hello, publish(bytes, 'x')])).toBe('topic is not UTF-8')
  },
)

test('U+FEFF is text [MQTT-1.5.3-3]; that it names nothing of ours is for the rules to say', () => {
  expect(verdict([hello, subscribe(['\ufeffa'])])).toBeUndefined()
})

test('[MQTT-2.3.1-1] packet id 0 is refused in every packet that has one', () => {
  expect(verdict([hello, publish(topic, 'x', 1, 0)])).toBe('packet id 0')
  expect(verdict([hello, publish(topic, 'x', 2, 0)])).toBe('packet id 0')
  expect(verdict([hello, subscribe([topic], 0)])).toBe('packet id 0')
  expect(verdict([hello, unsubscribe([topic], 0)])).toBe('packet id 0')
  for (const type of [0x40, 0x50, 0x62, 0x70])
    expect(verdict([hello, packet(type, uint16(0))])).toBe('packet id 0')
})

test('texts longer than 512 bytes are refused, also one of 65,535', () => {
  for (const length of [513, 60_000]) {
    expect(verdict([hello, publish('a'.repeat(length), '')])).toBe('topic too long')
    expect(verdict([hello, subscribe(['a'.repeat(length)])])).toMatch(/filter|head too large/)
  }
  expect(verdict([connect({ clientId: 'a'.repeat(513) })])).toBe('client id')
  const whole = packet(0x30, text('a'.repeat(65_535)))
  expect(verdict([hello, whole])).toBe('packet too large')
})

test('a topic, a client id or a filter that claims more bytes than its packet has is refused', () => {
  expect(verdict([hello, packet(0x30, uint16(10), Buffer.from('abc'))])).toBe('topic too long')
  expect(verdict([hello, packet(0x30, Buffer.from([0]))])).toBe('topic too long')
  expect(verdict([hello, packet(0x32, text('a'))])).toBe('topic too long')
  expect(verdict([hello, packet(0x82, uint16(1), uint16(9), Buffer.from('a\0'))])).toBe('filter')
  const cut = packet(0x10, text('MQTT'), Buffer.from([4, 2, 0, 30]), uint16(26), Buffer.from('a'))
  expect(verdict([cut])).toBe('client id')
})

test('a SUBSCRIBE or UNSUBSCRIBE with two filters is refused as a whole', () => {
  expect(verdict([hello, subscribe(['a', 'b'])])).toBe('one filter per packet')
  expect(verdict([hello, unsubscribe(['a', 'b'])])).toBe('one filter per packet')
})

const anyPacket = fc.oneof(
  fc.constantFrom(hello, pingreq, puback(0), puback(7), packet(0xe0), packet(0x82), packet(0x30)),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => publish(bytes, bytes, bytes.length % 3)),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => subscribe([bytes], bytes.length % 4)),
  fc.nat(70_000).map((length) => publish(topic, Buffer.alloc(length), length % 3, length % 9)),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  fc
    .nat(300_000_000)
    .map((length) => Buffer.concat([Buffer.from([0x32]), remainingLength(length)])),
)

test('the verdict does not depend on how the bytes are sliced', () => {
  const slices = fc.array(fc.oneof(fc.integer({ min: 1, max: 6 }), fc.nat(40_000)), {
    minLength: 1,
  })
  fc.assert(
    fc.property(fc.array(anyPacket, { maxLength: 6 }), slices, (packets, sizes) => {
      const [whole, sliced] = [new PacketScanner(defaultLimits), new PacketScanner(defaultLimits)]
      for (const scanner of [whole, sliced]) {
        scanner.scan(hello)
        scanner.isConnected = true
      }
      const bytes = Buffer.concat(packets)
      let problem: string | undefined
      for (let at = 0, i = 0; at < bytes.length && problem === undefined; i += 1) {
        const size = Math.max(1, sizes[i % sizes.length] ?? 1)
        problem = sliced.scan(bytes.subarray(at, at + size))
        at += size
      }
      expect(problem).toBe(whole.scan(bytes))
      if (problem !== undefined) return
      expect([sliced.frames, sliced.others]).toEqual([whole.frames, whole.others])
    }),
    { numRuns: 500 },
  )
})
