import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSafeTarget } from './request-target.ts'

test.each([
  ['a plain path', '/en_US/html/index.html?a=b&c=d'],
  ['a path that goes up inside itself', '/a/../b'],
  ['brackets, bar and caret in a path', '/a[1]|b^c'],
  ['quote, star, and what else may be in a path', "/a'b*c;d=e,f:g@h!i$j&k=l+m~n(o)"],
  ['raw braces, bars, brackets, carets and backslashes in a query', '/x?a={1|2}[3]^`\\'],
  ['a per cent sign in a query that stands for itself', '/x?rate=50%&b=%zz'],
  ['a slash that belongs to a name', '/api/queues/%2F/name'],
  ['an encoded backslash that belongs to a name', '/share/%5Cname'],
  ['a doubly encoded dot, which nobody decodes here', '/%252e%252e/x'],
  ['UTF-8 as browsers encode it', '/sala%20de%20reuni%C3%A3o'],
  ['an URL in a query', '/go?to=http://a/b/../../../c'],
  ['a double slash inside', '/cgi-bin//x'],
])('%s is passed on, since browsers send it (%s)', (_what, target) => {
  expect(isSafeTarget(target)).toBe(true)
})

test.each([
  ['another host', '//evil.example/x'],
  ['a backslash for a slash', '/\\evil.example'],
  ['the way out of the root', '/../etc/passwd'],
  ['the way out after a detour', '/a/../../x'],
  ['encoded dots', '/%2e%2E/x'],
  ['half encoded dots', '/.%2e/x'],
  ['dots behind an encoded slash', '/..%2f..%2fetc'],
  ['dots behind an encoded backslash', '/..%5c..%5cetc'],
  ['an encoded NUL', '/a%00b'],
  ['an encoded line break', '/a%0d%0aX-Evil:%201'],
  ['half an encoding', '/a%2'],
  ['a space', '/a b'],
  ['a control character', '/a\u0001'],
  ['a raw 8-bit character', '/ç'],
  ['a fragment', '/a#b'],
  ['nothing', ''],
  ['a relative path', 'a/b'],
])('%s is refused: %s', (_what, target) => {
  expect(isSafeTarget(target)).toBe(false)
})

test('no accepted target can name another host or leave the root, whatever it is made of', () => {
  const piece = fc.constantFrom(
    '/',
    '//',
    '..',
    '.',
    '%2e',
    '%2E%2e',
    '%2f',
    '%5c',
    '\\',
    'a',
    '?',
    '#',
    '%00',
    '%0a',
    ' ',
    '|',
    'é',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const target = `/${pieces.join('')}`
      fc.pre(isSafeTarget(target))
      const url = new URL(`http://device/base${target}`)
      expect(new URL(target, 'http://device/').host).toBe('device')
      expect(`${url.pathname}/`.startsWith('/base/')).toBe(true)
      expect(target).toMatch(/^[!-~]+$/)
      const decoded = decodeURIComponent(target.split('?')[0] ?? '')
      expect(
        new URL(decoded.replaceAll('\\', '/').replace(/^\/+/, '/base/'), 'http://device').pathname,
      ).toMatch(/^\/base/)
    }),
    { numRuns: 2_000 },
  )
})
