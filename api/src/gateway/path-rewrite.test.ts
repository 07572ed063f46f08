import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { isRewritable, rewriteAddress, rewriteHtml } from './path-rewrite.ts'
import { viewOf } from './public-address.ts'

const base = '/remote/s/abc'
const device = { baseUrl: 'http://192.168.1.50', ports: [8080] }
const view = viewOf(device, { publicOrigin: 'https://remote.example', base, port: undefined })

async function rewritten(html: string | Buffer, chunkBytes = 7): Promise<Buffer> {
  const bytes = Buffer.from(html)
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, i) =>
    bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes),
  )
  const [first, ...rest] = rewriteHtml(view)
  if (!first) throw new TypeError('nothing rewrites')
  const end = rest.reduce((stream, next) => stream.pipe(next), Readable.from(chunks).pipe(first))
  return buffer(end)
}

test.each([
  ['/x', `${base}/x`],
  ['/', `${base}/`],
  [`${base}/x`, `${base}/x`],
  ['x.js', 'x.js'],
  ['../x', '../x'],
  ['#top', '#top'],
  ['?a', '?a'],
  ['//192.168.1.50/x', `${base}/x`],
  ['http://192.168.1.50/x?a#b', `${base}/x?a#b`],
  ['http://192.168.1.50:8080/x', `${base}/__travessia/port/8080/x`],
  ['https://cdn.example/x.js', 'https://cdn.example/x.js'],
  ['data:image/png;base64,AA', 'data:image/png;base64,AA'],
  ['javascript:void(0)', 'javascript:void(0)'],
  ['mailto:a@b', 'mailto:a@b'],
])('address %s becomes %s', (given, expected) => {
  expect(rewriteAddress(given, view)).toBe(expected)
})

test('root-absolute addresses in HTML get the prefix; text, scripts and comments stay as they are', async () => {
  const page = `<!DOCTYPE html><html><head><base href="/app/"><link href='/a.css' rel=stylesheet>
<meta http-equiv="refresh" content="5; url=/next"><script src=/s.js>var a = "/not"</script></head>
<body background="/b.png"><a href="/x">/text</a><form action="/f"><button formaction="/g">go</button></form>
<img src="/i.png" srcset="/i1.png 1x, /i2.png 2x"><!-- <a href="/comment"> --><textarea><a href="/t"></textarea></body></html>`
  const text = String(await rewritten(page))
  for (const address of [
    '/app/',
    '/a.css',
    '/s.js',
    '/b.png',
    '/x',
    '/f',
    '/g',
    '/i.png',
    '/i1.png',
    '/i2.png',
    '/next',
  ])
    expect(text).toContain(`${base}${address}`)
  expect(text).toContain('var a = "/not"')
  expect(text).toContain('>/text<')
  expect(text).toContain('<!-- <a href="/comment"> -->')
  expect(text).toContain('<textarea><a href="/t"></textarea>')
  expect(text.match(/<base /g)).toHaveLength(1)
})

test('a page without addresses is the same bytes afterwards, in any charset and however it is cut', async () => {
  const latin = Buffer.concat([
    Buffer.from('<html><body>caf'),
    Buffer.from([0xe9, 0x80, 0xff, 0x00]),
    Buffer.from(' é — 漢</body></html>\r\n'),
  ])
  for (const size of [1, 3, 1000]) expect(await rewritten(latin, size)).toEqual(latin)
})

test('nothing is rewritten twice', async () => {
  const once = await rewritten('<a href="/x"><img src="http://192.168.1.50/y">')
  expect(await rewritten(once)).toEqual(once)
})

test('only whole, plain HTML is rewritten', () => {
  expect(isRewritable(200, 'text/html; charset=utf-8', undefined)).toBe(true)
  expect(isRewritable(404, 'TEXT/HTML', 'identity')).toBe(true)
  expect(isRewritable(200, 'application/xhtml+xml', undefined)).toBe(true)
  expect(isRewritable(206, 'text/html', undefined)).toBe(false)
  expect(isRewritable(304, 'text/html', undefined)).toBe(false)
  expect(isRewritable(200, 'text/html', 'gzip')).toBe(false)
  expect(isRewritable(200, 'application/json', undefined)).toBe(false)
  expect(isRewritable(200, undefined, undefined)).toBe(false)
})
