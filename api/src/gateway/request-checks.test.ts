import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  isOwnOrigin,
  isSafeTarget,
  isWebSocketHandshake,
  problemOf,
  wantsDocument,
} from './request-checks.ts'

const plain = {
  method: 'GET',
  httpVersion: '1.1',
  target: '/',
  rawHeaders: ['Host', 'a'] as string[],
}
const origin = 'https://abc.remote.example'

test('a plain request has no problem (THREATS P5)', () => {
  expect(problemOf(plain)).toBeUndefined()
  expect(problemOf({ ...plain, httpVersion: '1.0' })).toBeUndefined()
})

test.each([
  ['two Host headers', { rawHeaders: ['Host', 'a', 'host', 'b'] }],
  ['two Content-Length headers', { rawHeaders: ['Content-Length', '1', 'content-length', '1'] }],
  ['two Authorization headers', { rawHeaders: ['Authorization', 'a', 'authorization', 'b'] }],
  ['two Cookie headers', { rawHeaders: ['Cookie', 'a=1', 'COOKIE', 'b=2'] }],
  ['two Origin headers', { rawHeaders: ['Origin', 'a', 'Origin', 'a'] }],
  [
    'Content-Length beside Transfer-Encoding',
    { rawHeaders: ['Content-Length', '1', 'Transfer-Encoding', 'chunked'] },
  ],
  [
    'Transfer-Encoding in HTTP/1.0',
    { httpVersion: '1.0', rawHeaders: ['Transfer-Encoding', 'chunked'] },
  ],
  ['HTTP/2.0 on the line', { httpVersion: '2.0' }],
  ['HTTP/0.9', { httpVersion: '0.9' }],
  ['an absolute target', { target: 'http://other/x' }],
  ['the asterisk', { method: 'OPTIONS', target: '*' }],
])('%s is refused as malformed (THREATS P5)', (_what, change) => {
  expect(problemOf({ ...plain, ...change })).toBe('REQUEST_INVALID')
})

test.each(['TRACE', 'CONNECT', 'PROPFIND', 'get', 'BREW'])(
  'method %s is not allowed (THREATS P5)',
  (method) => {
    expect(problemOf({ ...plain, method })).toBe('METHOD_NOT_ALLOWED')
  },
)

test('more than 100 headers, or a target beyond 16 KiB, are too large (THREATS P6)', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => [`x-${i}`, '1']).flat()
  expect(problemOf({ ...plain, rawHeaders: hundred })).toBeUndefined()
  expect(problemOf({ ...plain, rawHeaders: [...hundred, 'one', 'more'] })).toBe('HEADERS_TOO_LARGE')
  expect(problemOf({ ...plain, target: `/${'a'.repeat(16 * 1024)}` })).toBe('HEADERS_TOO_LARGE')
})

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
])('%s is refused (THREATS P3: %s)', (_what, target) => {
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

test.each([
  ['POST', { origin }, true],
  ['GET', {}, true],
  ['GET', { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }, true],
  ['GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, true],
  ['GET', { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, true],
  ['GET', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }, false],
  ['GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }, false],
  ['POST', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, false],
  ['POST', { 'sec-fetch-site': 'same-site' }, false],
  ['POST', { origin: 'null', 'sec-fetch-site': 'same-origin' }, true],
  ['POST', { origin: 'null' }, false],
  ['POST', { origin: 'null', 'sec-fetch-site': 'cross-site' }, false],
  ['POST', { origin: 'https://evil.example' }, false],
  ['GET', { origin: 'https://other.remote.example' }, false],
  ['POST', { origin: `${origin}.evil.example` }, false],
  ['POST', { origin: 'https://xabc.remote.example' }, false],
  ['POST', { origin: 'http://abc.remote.example' }, false],
])('a %s with %j may act: %s (THREATS U7, U8)', (method, headers, isAllowed) => {
  expect(isOwnOrigin({ method, headers }, origin)).toBe(isAllowed)
})

test.each([
  [origin, true],
  ['null', false],
  [undefined, false],
  [`${origin}.evil.example`, false],
  ['https://xabc.remote.example', false],
  ['https://ABC.remote.example', false],
])('a WebSocket handshake with origin %s is let in: %s (THREATS U7)', (value, isAllowed) => {
  const headers = { origin: value, 'sec-fetch-site': 'same-origin' }
  expect(isOwnOrigin({ method: 'GET', headers }, origin, true)).toBe(isAllowed)
})

test('only a whole WebSocket handshake counts as one [RFC 6455 4.2.1]', () => {
  const headers = {
    upgrade: 'WebSocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  expect(isWebSocketHandshake('GET', headers)).toBe(true)
  expect(isWebSocketHandshake('POST', headers)).toBe(false)
  expect(isWebSocketHandshake('GET', { ...headers, upgrade: 'h2c' })).toBe(false)
  expect(isWebSocketHandshake('GET', { ...headers, 'sec-websocket-version': '8' })).toBe(false)
  expect(isWebSocketHandshake('GET', { ...headers, 'sec-websocket-key': undefined })).toBe(false)
  expect(isWebSocketHandshake('GET', { ...headers, 'sec-websocket-key': 'short' })).toBe(false)
})

test('a document is what the browser says it is; old browsers are judged by what they accept', () => {
  expect(wantsDocument({ 'sec-fetch-dest': 'document' })).toBe(true)
  expect(wantsDocument({ 'sec-fetch-dest': 'iframe' })).toBe(true)
  expect(wantsDocument({ 'sec-fetch-dest': 'empty', accept: 'text/html' })).toBe(false)
  expect(wantsDocument({ accept: 'text/html,*/*' })).toBe(true)
  expect(wantsDocument({ accept: '*/*' })).toBe(false)
})
