import { CookieJar } from '@travessia/schemas/cookie-jar'
import { TravessiaError } from '@travessia/schemas/errors'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mapPolicy } from './content-policy.ts'
import {
  headerOf,
  pairsOf,
  requestHeaders,
  requireCleanHeaders,
  responseHeaders,
} from './headers.ts'
import { viewOf } from './public-address.ts'

const publicOrigin = 'https://abc.remote.example'
const device = { baseUrl: 'http://192.168.1.50', ports: [8080] }
const view = viewOf(device, { publicOrigin, base: '', port: undefined })
const base = '/remote/s/abc'
const pathView = viewOf(device, { publicOrigin: 'https://remote.example', base, port: undefined })

function up(raw: readonly string[], options: { isRewritten?: boolean; view?: typeof view } = {}) {
  const context = { view, jar: new CookieJar(), isRewritten: false, ...options }
  return pairsOf(requestHeaders(raw, context))
}
function down(raw: readonly string[], options: { isRewritten?: boolean } = {}) {
  const defaults = { jar: undefined, isRewritten: false, script: undefined }
  const context = { view, requestPath: '/dir/page', ...defaults, ...options }
  return pairsOf(responseHeaders(raw, context))
}
function valuesOf(pairs: ReadonlyArray<readonly [string, string]>, name: string) {
  return pairs.filter(([one]) => one === name).map(([, value]) => value)
}

test('hop-by-hop headers and those that Connection names do not reach the device', () => {
  const sent = up([
    ...['Connection', 'keep-alive, X-Secret, Host, Content-Length, Authorization, Cookie'],
    ...['Keep-Alive', '5', 'Proxy-Authorization', 'x', 'Proxy-Connection', 'x', 'TE', 'trailers'],
    ...['Trailer', 'x', 'Transfer-Encoding', 'chunked', 'Upgrade', 'h2c', 'X-Secret', '1'],
    ...['Authorization', 'Basic YTpi', 'Cookie', 'a=b', 'Accept', '*/*'],
  ])
  expect(sent).toEqual([
    ['authorization', 'Basic YTpi'],
    ['accept', '*/*'],
    ['cookie', 'a=b'],
  ])
})

test('addresses that the browser claims, and what is ours, do not reach the device', () => {
  const sent = up([
    ...['Host', 'abc.remote.example', 'X-Forwarded-For', '1.2.3.4', 'X-Forwarded-Host', 'x'],
    ...['Forwarded', 'for=1', 'X-Real-IP', '1', 'Via', '1.1 x', 'X-Travessia', '1'],
    ...['X-Travessia-Session', 'x', 'Expect', '100-continue', 'Content-Length', '3'],
    ...['Sec-WebSocket-Key', 'x', 'Upgrade-Insecure-Requests', '1'],
    ...['Cookie', '__Host-travessia-session=secret'],
  ])
  expect(sent).toEqual([])
})

test('Basic, Digest and the Bearer of the device pass, our own token does not', () => {
  const own = `e30.${Buffer.from('{"iss":"travessia","sub":"x"}').toString('base64url')}.sig`
  const foreign = `e30.${Buffer.from('{"iss":"printer"}').toString('base64url')}.sig`
  for (const value of ['Basic YTpi', 'Digest username="a"', `Bearer ${foreign}`, 'Bearer opaque'])
    expect(valuesOf(up(['Authorization', value]), 'authorization')).toEqual([value])
  for (const value of [`Bearer ${own}`, `bearer  ${own}`])
    expect(up(['Authorization', value])).toEqual([])
})

test('the device sees its own origin and address where the browser sent the public one', () => {
  const sent = up(['Origin', publicOrigin, 'Referer', `${publicOrigin}/a/b?c=d`])
  expect(sent).toEqual([
    ['origin', 'http://192.168.1.50'],
    ['referer', 'http://192.168.1.50/a/b?c=d'],
  ])
})

test('a referer of another site, or of another session on the same host, is left out', () => {
  expect(up(['Referer', 'https://elsewhere.example/x'])).toEqual([])
  const referer = 'https://remote.example/remote/s/other/page'
  expect(valuesOf(up(['Referer', referer], { view: pathView }), 'referer')).toEqual([])
})

test('a referer that is no address is left out', () => {
  expect(up(['Referer', 'no address'])).toEqual([])
})

test('a referer from another port of the device names that port', () => {
  const referer = `${publicOrigin}/__travessia/port/8080/stream`
  expect(valuesOf(up(['Referer', referer]), 'referer')).toEqual(['http://192.168.1.50:8080/stream'])
})

test('path mode tells the device its prefix and asks for a whole body that can be rewritten; the rest of a download stays', () => {
  const own = ['X-Script-Name', '/evil', 'X-Ingress-Path', '/evil']
  const raw = ['Accept-Encoding', 'gzip', 'If-None-Match', '"a"', 'Range', 'bytes=2-', ...own]
  const sent = up(raw, { view: pathView, isRewritten: true })
  expect(sent).toEqual([
    ['range', 'bytes=2-'],
    ['accept-encoding', 'identity'],
    ['x-forwarded-prefix', base],
    ['x-forwarded-context', base],
    ['x-script-name', base],
    ['x-ingress-path', base],
  ])
})

test('what Connection names in an answer does not come down', () => {
  const got = down(['Connection', 'close, X-Secret', 'X-Secret', '1', 'X-Own', '2'])
  expect([valuesOf(got, 'x-secret'), valuesOf(got, 'x-own')]).toEqual([[], ['2']])
})

test('what would bind the browser beyond the session does not come down', () => {
  const hostile =
    `strict-transport-security public-key-pins report-to nel alt-svc reporting-endpoints
    clear-site-data service-worker-allowed access-control-allow-origin access-control-allow-credentials
    connection keep-alive transfer-encoding proxy-authenticate upgrade trailer`.split(/\s+/)
  const names = down(hostile.flatMap((name) => [name, 'x'])).map(([name]) => name)
  for (const name of hostile) expect(names).not.toContain(name)
})

test('every answer of a device is framed by itself only, keeps its referrer and its opener at home, and is private', () => {
  const sent = down(['Content-Type', 'text/html', 'X-Content-Type-Options', 'nosniff'])
  expect(valuesOf(sent, 'content-security-policy')).toEqual(["frame-ancestors 'self'"])
  expect(valuesOf(sent, 'referrer-policy')).toEqual(['same-origin'])
  expect(valuesOf(sent, 'cross-origin-opener-policy')).toEqual(['same-origin'])
  expect(valuesOf(sent, 'cache-control')).toEqual(['private'])
  expect(valuesOf(sent, 'x-content-type-options')).toEqual(['nosniff'])
})

test('shared caches are kept out, ETag and validators stay', () => {
  const sent = down([
    ...['Cache-Control', 'public, max-age=60, s-maxage=3600', 'ETag', '"1"'],
    ...['Last-Modified', 'x', 'Content-Encoding', 'gzip', 'Content-Length', '5'],
  ])
  expect(valuesOf(sent, 'cache-control')).toEqual(['private, max-age=60'])
  expect(valuesOf(sent, 'etag')).toEqual(['"1"'])
  expect(valuesOf(sent, 'content-encoding')).toEqual(['gzip'])
  expect(valuesOf(sent, 'content-length')).toEqual(['5'])
})

test('a rewritten body is not stored and has neither length nor validators', () => {
  const raw = ['ETag', '"1"', 'Content-Length', '5', 'Last-Modified', 'x', 'Accept-Ranges', 'bytes']
  const sent = down(raw, { isRewritten: true })
  expect(valuesOf(sent, 'cache-control')).toEqual(['no-store'])
  expect(sent.map(([name]) => name)).not.toContain('etag')
  expect(sent.map(([name]) => name)).not.toContain('content-length')
})

test.each([
  ['0; url=/x', '0; url=/x'],
  ['5;URL="http://192.168.1.50/y"', '5; url=/y'],
  ["5; url='page2'", '5; url=/dir/page2'],
  ['5 /x', '5; url=/x'],
  ['0;/x', '0; url=/x'],
  ['10', '10'],
  ['3.5, /x', '3.5; url=/x'],
  ['0; url=http://evil.example/', '0; url=/__travessia/leave?to=http%3A%2F%2Fevil.example%2F'],
  ['0; http://evil.example/', '0; url=/__travessia/leave?to=http%3A%2F%2Fevil.example%2F'],
  ['0 //evil.example/', '0; url=/__travessia/leave?to=http%3A%2F%2Fevil.example%2F'],
])('Refresh: %s becomes %s', (given, expected) => {
  expect(valuesOf(down(['Refresh', given]), 'refresh')).toEqual([expected])
})

test('Location, Content-Location and Link point to the session, other hosts to the way out', () => {
  const sent = down([
    ...['Location', 'http://192.168.1.50/a?b#c', 'Content-Location', 'other'],
    ...['Link', '</style.css>; rel=preload, <https://cdn.example/x>; rel=preload'],
  ])
  expect(valuesOf(sent, 'location')).toEqual(['/a?b#c'])
  expect(valuesOf(sent, 'content-location')).toEqual(['/dir/other'])
  expect(valuesOf(sent, 'link')).toEqual([
    '</style.css>; rel=preload, </__travessia/leave?to=https%3A%2F%2Fcdn.example%2Fx>; rel=preload',
  ])
  expect(valuesOf(down(['Link', '<https://cdn.example/?<y>; rel=preload']), 'link')).toEqual([
    '</__travessia/leave?to=https%3A%2F%2Fcdn.example%2F%3F%253Cy>; rel=preload',
  ])
})

test('a Link made to be slow to read is not', () => {
  const begun = performance.now()
  down(['Link', '<'.repeat(100_000)])
  expect(performance.now() - begun).toBeLessThan(2_000)
})

test('each cookie of the device has a header of its own', () => {
  const sent = down([
    'Set-Cookie',
    'a=1',
    'Set-Cookie',
    'b=2',
    'Set-Cookie',
    '__Host-travessia-session=x',
  ])
  expect(valuesOf(sent, 'set-cookie')).toEqual(['a=1; Secure', 'b=2; Secure'])
})

test.each([
  ["default-src 'self' http://192.168.1.50", `default-src 'self' ${publicOrigin}`],
  ['connect-src ws://192.168.1.50', 'connect-src wss://abc.remote.example'],
  ['connect-src ws://192.168.1.50:80/ws', 'connect-src wss://abc.remote.example/ws'],
  ['img-src 192.168.1.50 data: *', `img-src ${publicOrigin} data: *`],
  ['img-src 192.168.1.50:8080', `img-src ${publicOrigin}/__travessia/port/8080/`],
  ['frame-src http://192.168.1.50:8080/a/', `frame-src ${publicOrigin}/__travessia/port/8080/a/`],
  [
    "script-src 'nonce-abc' 'strict-dynamic' https:",
    "script-src 'nonce-abc' 'strict-dynamic' https:",
  ],
  ['upgrade-insecure-requests; default-src *', 'default-src *'],
  ['default-src *; report-uri /r;  block-all-mixed-content', 'default-src *'],
  ['style-src HTTP://192.168.1.50/x.css', `style-src ${publicOrigin}/x.css`],
])("the device's policy %s becomes %s", (given, expected) => {
  expect(mapPolicy(given, view)).toBe(expected)
})

test('without TLS outside, ws stays ws', () => {
  const plain = viewOf(device, {
    publicOrigin: 'http://abc.remote.localhost:8002',
    base: '',
    port: undefined,
  })
  expect(mapPolicy('connect-src ws://192.168.1.50', plain)).toBe(
    'connect-src ws://abc.remote.localhost:8002',
  )
})

test.each([
  ['a line break in a value', ['x', 'a\r\nSet-Cookie: b=1']],
  ['a NUL in a value', ['x', 'a\0']],
  ['a line feed in a value', ['x', 'a\nb']],
  ['a character beyond Latin-1', ['x', '\u0100']],
  ['a line break in a name', ['x\r\ny', 'a']],
  ['an empty name', ['', 'a']],
  ['a space in a name', ['x y', 'a']],
  ['a name without a value', ['x']],
  ['two lengths', ['content-length', '1', 'Content-Length', '2']],
  ['a length that is none', ['content-length', '1, 1']],
  ['a negative length', ['content-length', '-1']],
])('%s is the device’s fault', (_what, headers) => {
  expect(() => requireCleanHeaders(headers)).toThrow(TravessiaError)
})

test('8-bit characters and tabs in values are as they are', () => {
  expect(() => requireCleanHeaders(['content-disposition', 'filename="é\t.txt"'])).not.toThrow()
})

const anyText = fc.string({
  unit: fc.constantFrom(
    'a',
    'B',
    ';',
    ',',
    '=',
    '/',
    '<',
    '>',
    '"',
    ' ',
    '\t',
    ':',
    '%',
    '\\',
    'ÿ',
    '.',
    '?',
    '#',
  ),
})
const name = fc.oneof(
  fc.constantFrom(
    ...'location refresh link set-cookie content-location content-security-policy cache-control connection'.split(
      ' ',
    ),
    ...'Transfer-Encoding keep-alive te upgrade cookie origin referer x-forwarded-for accept vary'.split(
      ' ',
    ),
  ),
  fc.stringMatching(/^[a-z-]{1,12}$/),
)
const headerList = fc.array(fc.tuple(name, anyText), { maxLength: 12 }).map((pairs) => pairs.flat())

test('no output of either direction has a line break, a NUL, a hop-by-hop header or an open redirect', () => {
  const hop = /^(connection|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*)$/
  fc.assert(
    fc.property(headerList, fc.constantFrom(view, pathView), (raw, one) => {
      requireCleanHeaders(raw.filter((_, i) => i % 2 === 1).flatMap((value) => ['x', value]))
      const jar = new CookieJar()
      const sent = requestHeaders(raw, { view: one, jar, isRewritten: false })
      const rest = { jar: undefined, isRewritten: false, script: undefined }
      const context = { view: one, requestPath: '/a/b', ...rest }
      const answered = responseHeaders(raw, context)
      for (const list of [sent, answered]) {
        expect(() => requireCleanHeaders(list)).not.toThrow()
        for (const [name] of pairsOf(list)) expect(name).not.toMatch(hop)
      }
      const location = headerOf(answered, 'location')
      if (location !== undefined)
        expect(new URL(location, one.publicOrigin).origin).toBe(one.publicOrigin)
    }),
    { numRuns: 1_000 },
  )
})
