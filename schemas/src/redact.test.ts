import { expect, test } from 'vitest'
import { redactHeaders, redactUrl, redactValue } from './redact.ts'

test('redactHeaders hides credentials and cookies and keeps the rest', () => {
  expect(
    redactHeaders([
      'Cookie',
      'session=canary',
      'Accept',
      'text/html',
      'X-CSRF-Token',
      'canary',
      'Authorization',
      'Basic canary',
    ]),
  ).toEqual([
    'cookie',
    '[redacted]',
    'accept',
    'text/html',
    'x-csrf-token',
    '[redacted]',
    'authorization',
    '[redacted]',
  ])
})

test('redactHeaders hides the token that a page sends as a WebSocket protocol', () => {
  expect(redactHeaders(['Sec-WebSocket-Protocol', 'bearer, canary'])).toEqual([
    'sec-websocket-protocol',
    '[redacted]',
  ])
})

test('redactHeaders hides secrets inside the URL of a referer', () => {
  expect(redactHeaders(['Referer', 'http://d/x?session=canary&page=2'])).toEqual([
    'referer',
    'http://d/x?session=[redacted]&page=2',
  ])
})

test.each([
  ['/execute_actions.fcgi?session=canary', '/execute_actions.fcgi?session=[redacted]'],
  ['/x?a=1&Pass%77ord=canary&b=2#f', '/x?a=1&Pass%77ord=[redacted]&b=2#f'],
  ['http://admin:canary@192.0.2.1/x', 'http://[redacted]@192.0.2.1/x'],
  [
    'http://d/?a=http://u:canary@e/&b=//v:can@ary@f/',
    'http://d/?a=http://[redacted]@e/&b=//[redacted]@f/',
  ],
  ['/cb#access_token=canary&n=1', '/cb#access_token=[redacted]&n=1'],
  ['/x?auth=canary&author=a&jwt=canary', '/x?auth=[redacted]&author=a&jwt=[redacted]'],
  ['/x?sid=canary&ssid=a&SIG=canary', '/x?sid=[redacted]&ssid=a&SIG=[redacted]'],
  ['/x?X-Amz-Signature=canary&design=a', '/x?X-Amz-Signature=[redacted]&design=a'],
  ['/#/files?code=1&side=2', '/#/files?code=1&side=2'],
  ['/plain/path?q=1', '/plain/path?q=1'],
  ['/bad%zz?tok%zzen=1&token=canary', '/bad%zz?tok%zzen=1&token=[redacted]'],
])('redactUrl turns %s into %s', (url, expected) => expect(redactUrl(url)).toBe(expected))

test('redactValue hides secret members at any depth', () => {
  expect(
    redactValue({ login: 'admin', password: 'canary', list: [{ apiKey: 'canary', n: 1 }] }),
  ).toEqual({
    login: 'admin',
    password: '[redacted]',
    list: [{ apiKey: '[redacted]', n: 1 }],
  })
})

test('an address made to be slow to read is not', () => {
  const begun = performance.now()
  for (const evil of ['?', ';', '#', '//', '?a', '//a@', '%'])
    redactUrl(`/=${evil.repeat(100_000 / evil.length)}`)
  expect(performance.now() - begun).toBeLessThan(2_000)
})
