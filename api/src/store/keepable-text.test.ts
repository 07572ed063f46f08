import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { keepable, requireKeepable } from './keepable-text.ts'

test('a NUL and half a character become U+FFFD, whatever else there is stays', () => {
  expect(keepable('a\0b\ud800c\udc00')).toBe('a\ufffdb\ufffdc\ufffd')
  expect(keepable('\u0001 ç 😀 \\u0000 \ufffd')).toBe('\u0001 ç 😀 \\u0000 \ufffd')
})

test.each([
  ['', 'a\0'],
  ['/name', { name: '\ud800' }],
  ['/list/1/text', { list: ['a', { text: '\0' }] }],
  ['/args', { args: { 'a\0': 1 } }],
])('it is refused in any depth, in names too: %s', (at, value) => {
  expect(() => requireKeepable(value)).toThrow(
    expect.objectContaining({ code: 'MESSAGE_INVALID', details: expect.objectContaining({ at }) }),
  )
})

test('what holds none passes, so do bytes and streams, and no depth is too much', () => {
  const deep = JSON.parse(`${'['.repeat(60_000)}${']'.repeat(60_000)}`)
  for (const value of [undefined, null, 1, { a: ['\\u0000'] }, Buffer.from([0]), deep])
    expect(() => requireKeepable(value)).not.toThrow()
  expect(() => requireKeepable({ stream: new Readable() })).not.toThrow()
})
