import { expect, test } from 'vitest'
import { isOwnOrigin, isWebSocketHandshake, problemOf, wantsDocument } from './request-checks.ts'

const plain = {
  method: 'GET',
  httpVersion: '1.1',
  target: '/',
  rawHeaders: ['Host', 'a'] as string[],
}
const origin = 'https://abc.remote.example'

test('a plain request has no problem', () => {
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
])('%s is refused as malformed', (_what, change) => {
  expect(problemOf({ ...plain, ...change })).toBe('REQUEST_INVALID')
})

test.each(['TRACE', 'CONNECT', 'PROPFIND', 'get', 'BREW'])('method %s is not allowed', (method) => {
  expect(problemOf({ ...plain, method })).toBe('METHOD_NOT_ALLOWED')
})

test('more than 100 headers, or a target beyond 16 KiB, are too large', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => [`x-${i}`, '1']).flat()
  expect(problemOf({ ...plain, rawHeaders: hundred })).toBeUndefined()
  expect(problemOf({ ...plain, rawHeaders: [...hundred, 'one', 'more'] })).toBe('HEADERS_TOO_LARGE')
  expect(problemOf({ ...plain, target: `/${'a'.repeat(16 * 1024)}` })).toBe('HEADERS_TOO_LARGE')
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
  ['POST', { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }, false],
  ['GET', { origin: 'https://other.remote.example' }, false],
  ['POST', { origin: `${origin}.evil.example` }, false],
  ['POST', { origin: 'https://xabc.remote.example' }, false],
  ['POST', { origin: 'http://abc.remote.example' }, false],
])('a %s with %j may act: %s', (method, headers, isAllowed) => {
  expect(isOwnOrigin({ method, headers }, origin)).toBe(isAllowed)
})

test.each([
  [origin, true],
  ['null', false],
  [undefined, false],
  [`${origin}.evil.example`, false],
  ['https://xabc.remote.example', false],
  ['https://ABC.remote.example', false],
])('a WebSocket handshake with origin %s is let in: %s', (value, isAllowed) => {
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
