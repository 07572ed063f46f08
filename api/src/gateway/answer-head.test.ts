import { encodeHead, headPartOf } from '@travessia/schemas/tunnel-head'
import { expect, test } from 'vitest'
import { readAnswer } from './answer-head.ts'

const head = {
  status: 200,
  headers: ['Server', 'x', 'Set-Cookie', 'a=secret', 'Content-Length', '2'],
}

test('the same head is looked at once, and its body is that of its own frame', () => {
  const first = readAnswer(encodeHead(head, Buffer.from('ab')))
  const second = readAnswer(encodeHead(head, Buffer.from('cd')))
  expect(second.head).toBe(first.head)
  expect([first, second].map(({ body }) => String(Buffer.from(body)))).toEqual(['ab', 'cd'])
  expect(first.head).toMatchObject({ status: 200, headers: head.headers, contentLength: 2 })
  expect(first.head.redacted).toEqual(
    expect.arrayContaining(['set-cookie', '[redacted]', 'server', 'x']),
  )
})

test('one that has something to map is not plain, one that has not is: hop headers dropped, ours added', () => {
  expect(readAnswer(encodeHead(head)).head.plain).toEqual([])
  const plain = { status: 200, headers: ['X-A', '1', 'Keep-Alive', 'x', 'Cache-Control', 'public'] }
  expect(readAnswer(encodeHead(plain)).head.plain).toEqual([
    ...['x-a', '1', 'content-security-policy', "frame-ancestors 'self'"],
    ...['referrer-policy', 'same-origin', 'cross-origin-opener-policy', 'same-origin'],
    ...['cache-control', 'private'],
  ])
})

test.each([
  ['a line break', { status: 200, headers: ['X', 'a\r\nb: c'] }, 'DEVICE_PROTOCOL'],
  [
    'two lengths',
    { status: 200, headers: ['Content-Length', '1', 'content-length', '2'] },
    'DEVICE_PROTOCOL',
  ],
  ['no status', { status: 7, headers: [] }, 'FRAME_INVALID'],
])('%s is refused however often it comes', (_what, wrong, code) => {
  for (let i = 0; i < 3; i += 1)
    expect(() => readAnswer(encodeHead(wrong))).toThrow(expect.objectContaining({ code }))
})

test('many heads cost no more memory than 512, and the first is read anew', () => {
  const first = readAnswer(encodeHead({ status: 200, headers: ['X', 'first'] })).head
  for (let i = 0; i < 600; i += 1) readAnswer(encodeHead({ status: 200, headers: ['X', `${i}`] }))
  const again = readAnswer(encodeHead({ status: 200, headers: ['X', 'first'] })).head
  expect(again).not.toBe(first)
  expect(again.headers).toEqual(['X', 'first'])
})

test('of a head of more than 4 KiB no copy is kept', () => {
  const long = (chars: number) => {
    const frame = (value: string) => encodeHead({ status: 200, headers: ['X', value] })
    const rest = headPartOf(frame(''))
    return readAnswer(frame('x'.repeat(chars - (rest.to - rest.from)))).head
  }
  expect(long(4_096)).toBe(long(4_096))
  expect(long(4_097)).not.toBe(long(4_097))
  expect(long(4_097)).toMatchObject({ status: 200 })
})
