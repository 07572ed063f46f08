import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodePart, MultipartReader, multipartEnd, type Part } from './multipart.ts'

const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0))
const joined = (...all: Uint8Array[]) => Uint8Array.from(all.flatMap((one) => [...one]))
const text = (body: Uint8Array) => String.fromCharCode(...body)
const bodies = (parts: readonly Part[]) => parts.map(({ body }) => text(body))
const refused = expect.objectContaining({ code: 'DEVICE_PROTOCOL' })
/** Lines, dashes and something like the delimiter: what a search could take for an end. */
const tricky = bytes('\r\n--frame of mind\r\n-\r\n--\xff\xd8\r\n --frame\r\n')

/** As a camera without `Content-Length` sends it. */
const unsized = (...pictures: Uint8Array[]) =>
  joined(
    ...pictures.map((one) =>
      joined(bytes('--frame\r\nContent-Type: x\r\n\r\n'), one, bytes('\r\n')),
    ),
    bytes('--frame\r\n'),
  )

function readAll(reader: MultipartReader, whole: Uint8Array, size: number): Part[] {
  const parts: Part[] = []
  for (let at = 0; at < whole.length; at += size)
    parts.push(...reader.push(whole.subarray(at, at + size)))
  return parts
}

test.each([
  ['with lengths', joined(encodePart({}, tricky), encodePart({}, bytes('')), multipartEnd), 2],
  ['without lengths', unsized(tricky, bytes('two'), bytes('')), 3],
])('a stream %s is read alike, wherever it is cut', (_name, whole, count) => {
  const expected = bodies(new MultipartReader().push(whole))
  expect(expected).toHaveLength(count)
  expect(expected[0]).toBe(text(tricky))
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const reader = new MultipartReader()
    const parts = [...reader.push(whole.subarray(0, cut)), ...reader.push(whole.subarray(cut))]
    expect([cut, ...bodies(parts)]).toEqual([cut, ...expected])
  }
  for (const size of [1, 2, 3, 7]) {
    expect(bodies(readAll(new MultipartReader(), whole, size))).toEqual(expected)
  }
})

test('what was written is read, whatever the bytes and the pieces', () => {
  const picture = fc.uint8Array({ maxLength: 300 })
  fc.assert(
    fc.property(
      fc.array(picture, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 90 }),
      (all, size) => {
        const whole = joined(...all.map((one) => encodePart({ 'x-at': '1' }, one)), multipartEnd)
        const reader = new MultipartReader()
        const parts = readAll(reader, whole, size)
        expect(bodies(parts)).toEqual(all.map(text))
        expect(reader.isEnded).toBe(true)
      },
    ),
  )
})

test('rubbish gives parts or a refusal, never anything else', () => {
  const pieces = [
    '--',
    '\r\n',
    '\n',
    '--a',
    '--a--',
    'content-length: 3',
    ': ',
    '\0',
    '\r\n\r\n',
    'x',
  ]
  const rubbish = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string()), { maxLength: 60 })
  fc.assert(
    fc.property(rubbish, fc.integer({ min: 1, max: 20 }), (texts, size) => {
      try {
        readAll(new MultipartReader(64), bytes(texts.join('')), size)
      } catch (error) {
        expect(error).toEqual(refused)
      }
    }),
    { numRuns: 500 },
  )
})

test('the delimiter is what the camera sends, not what it announces; line ends may be bare', () => {
  const parts = new MultipartReader().push(bytes('\n----odd\nA: b\n\nok\n----odd\n\n\n----odd--\n'))
  expect(bodies(parts)).toEqual(['ok', ''])
  expect(parts[0]?.headers).toEqual({ a: 'b' })
})

test('a length that is shorter than its picture costs that picture only', () => {
  const wrong = bytes(
    '--f\r\ncontent-length: 2\r\n\r\nlonger\r\n--f\r\ncontent-length: 2\r\n\r\nok\r\n',
  )
  expect(bodies(new MultipartReader().push(wrong))).toEqual(['lo', 'ok'])
})

test.each([
  ['nothing that begins a part', bytes('x'), ''],
  ['a head without an end', bytes('a: b\r\n'), '--f\r\n'],
  ['a part without an end', new Uint8Array(500), '--f\r\n\r\n'],
  [
    'no delimiter after a part with its length',
    new Uint8Array(500),
    '--f\r\ncontent-length: 1\r\n\r\n',
  ],
])('%s is refused at the bound', (_name, piece, start) => {
  const reader = new MultipartReader(10_000)
  reader.push(bytes(start))
  const endless = () => {
    for (let i = 0; i < 20_000; i += 1) reader.push(piece)
  }
  expect(endless).toThrow(refused)
})

test('a part that announces more than the bound is refused before its first byte', () => {
  const reader = new MultipartReader(1_000)
  expect(() => reader.push(bytes('--f\r\nContent-Length: 1001\r\n\r\n'))).toThrow(refused)
})

test('a large picture in the smallest pieces takes no longer than it should', () => {
  const whole = encodePart({}, new Uint8Array(1_000_000))
  const startedAt = performance.now()
  expect(readAll(new MultipartReader(), whole, 10)).toHaveLength(1)
  expect(performance.now() - startedAt).toBeLessThan(3_000)
})

test('heads made to be slow to read are not', () => {
  const part = `--f\r\nContent-Length: 0\r\na: x${' '.repeat(4_000)}x\r\n\r\n\r\n`
  const whole = bytes(part.repeat(500))
  const startedAt = performance.now()
  expect(readAll(new MultipartReader(), whole, 10_000)).toHaveLength(500)
  expect(performance.now() - startedAt).toBeLessThan(1_500)
})
