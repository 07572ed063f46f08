import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answerFor } from '../../../rig/lan-responder.ts'
import { encodeQuery, keyOf, parseAnswer } from './dns-packet.ts'

const printer = { service: '_octoprint._tcp', instance: 'Prusa da sala 1.2' }
const good = answerFor({ ...printer, address: '192.168.1.60', port: 5_000 })
/** Head of an answer with one record, and what follows. */
const answer = (...bytes: number[]) =>
  Uint8Array.from([0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, ...bytes])
const rest = (type: number, ...content: number[]) => [
  ...[0, type, 0, 1, 0, 0, 0, 120, 0, content.length],
  ...content,
]

test('a question names every service as a pointer, byte for byte (RFC 1035 4.1)', () => {
  expect(Buffer.from(encodeQuery(['_http._tcp.local'], 0x1234)).toString('latin1')).toBe(
    '\x12\x34\0\0\0\x01\0\0\0\0\0\0\x05_http\x04_tcp\x05local\0\0\x0c\0\x01',
  )
  expect(Buffer.from(encodeQuery(['a.b', 'c.d'], 1)).readUInt16BE(4)).toBe(2)
})

test('an answer with pointers back into itself is read: instance, place and address', () => {
  const service = { key: keyOf(['_octoprint', '_tcp', 'local']), first: '_octoprint' }
  const key = keyOf(['prusa da sala 1.2', '_octoprint', '_tcp', 'local'])
  const instance = { key, first: 'Prusa da sala 1.2' }
  const host = { key: keyOf(['host-5000', 'local']), first: 'host-5000' }
  expect(parseAnswer(good)).toEqual([
    { type: 'PTR', name: service, target: instance },
    { type: 'SRV', name: instance, port: 5_000, target: host },
    { type: 'A', name: host, address: '192.168.1.60' },
  ])
})

test('a question, an empty packet and one beyond 9,000 bytes say nothing', () => {
  expect(parseAnswer(encodeQuery(['_http._tcp.local'], 1))).toEqual([])
  expect(parseAnswer(new Uint8Array(0))).toEqual([])
  expect(parseAnswer(Buffer.concat([good, Buffer.alloc(9_001)]))).toEqual([])
})

test.each([
  ['a name that points to itself', answer(0xc0, 12, ...rest(1, 10, 0, 0, 1))],
  ['two names that point to each other', answer(0xc0, 14, 0xc0, 12, ...rest(1, 10, 0, 0, 1))],
  ['a name that points forward', answer(0xc0, 20, ...rest(1, 10, 0, 0, 1))],
  ['a name that points beyond the packet', answer(0xff, 0xff, ...rest(1, 10, 0, 0, 1))],
  ['a label of 64 bytes', answer(64, ...Array<number>(64).fill(97), 0, ...rest(1, 10, 0, 0, 1))],
  ['a label that ends outside', answer(40, 97)],
  ['an address of three bytes', answer(0, ...rest(1, 10, 0, 0))],
  ['a record that ends outside', answer(0, 0, 1, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 10)],
  ['a place without a name', answer(0, ...rest(33, 0, 0, 0, 0, 0, 80))],
  ['a pointer whose name ends outside its record', answer(0, ...rest(12, 1), 97, 0)],
])('%s makes the packet say nothing', (_what, packet) => {
  expect(parseAnswer(packet)).toEqual([])
})

test('a name of more than 255 bytes says nothing, however it is folded', () => {
  const label = [50, ...Array<number>(50).fill(97)]
  const long = Array.from({ length: 6 }, () => label).flat()
  expect(parseAnswer(answer(...long, 0, ...rest(1, 10, 0, 0, 1)))).toEqual([])
  const short = long.slice(0, 51 * 4)
  expect(parseAnswer(answer(...short, 0, ...rest(1, 10, 0, 0, 1)))).toHaveLength(1)
})

test('a name of more than 16 labels and pointers says nothing', () => {
  const labels = (count: number) => Array.from({ length: count }, () => [1, 97]).flat()
  const named = (count: number) => parseAnswer(answer(...labels(count), 0, ...rest(1, 10, 0, 0, 1)))
  expect([named(16).length, named(17).length]).toEqual([1, 0])
  /** An end, pointers each to the one before it, and a name that is the last of them. */
  const chained = (count: number) => {
    const before = Array.from({ length: count - 1 }, (_, i) => [0xc0, i === 0 ? 23 : 22 + 2 * i])
    const text = rest(16, 0, ...before.flat())
    const name = [0xc0, 22 + 2 * (count - 1)]
    const packet = answer(0, ...text, ...name, ...rest(1, 10, 0, 0, 1))
    new DataView(packet.buffer).setUint16(6, 2)
    return parseAnswer(packet)
  }
  expect([chained(16).length, chained(17).length]).toEqual([1, 0])
})

test('more than 64 records say nothing, and none is read twice', () => {
  const record = [0, ...rest(1, 10, 0, 0, 1)]
  const many = (count: number) => {
    const packet = Uint8Array.from([...answer(), ...Array(count).fill(record).flat()])
    new DataView(packet.buffer).setUint16(6, count)
    return parseAnswer(packet)
  }
  expect([many(64).length, many(65).length]).toEqual([64, 0])
})

test('rubbish, and a good packet with any bytes changed or cut off, never throws and never takes long', () => {
  const damaged = fc
    .tuple(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }),
      fc.integer({ min: 0, max: good.length }),
    )
    .map(([changes, length]) => {
      const packet = Uint8Array.from(good)
      for (const [at, byte] of changes) packet[at] = byte
      return packet.subarray(0, length)
    })
  const begun = performance.now()
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 600 })), (packet) => {
      for (const record of parseAnswer(packet)) {
        expect(record.name.key.length).toBeLessThanOrEqual(255)
        if (record.type === 'A') expect(record.address).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
      }
    }),
    { numRuns: 5_000 },
  )
  expect(performance.now() - begun).toBeLessThan(10_000)
})
