import { Readable, Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { viewOf } from './public-address.ts'
import { PageRewriter } from './rewrite-html.ts'

const base = '/remote/s/abc'
const device = { baseUrl: 'http://192.168.1.50', ports: [8080] }
const view = viewOf(device, { publicOrigin: 'https://remote.example', base, port: undefined })
const script = '<script src="/shim.js"></script>'

type Options = { chunkBytes?: number; script?: string; maxBytes?: number }

async function rewritten(
  page: string | Buffer,
  { chunkBytes = 7, script: own = '', maxBytes = 2 ** 23 }: Options = {},
): Promise<Buffer> {
  const text = Buffer.from(page).toString('latin1')
  const chunks = Array.from({ length: Math.ceil(text.length / chunkBytes) }, (_, i) =>
    text.slice(i * chunkBytes, (i + 1) * chunkBytes),
  )
  const rewriter = new PageRewriter(view, { script: own, maxBytes })
  const bytes = new Transform({
    decodeStrings: false,
    transform: (chunk: string, _encoding, done) => done(null, Buffer.from(chunk, 'latin1')),
  })
  return buffer(Readable.from(chunks).pipe(rewriter).pipe(bytes))
}

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
  for (const chunkBytes of [1, 3, 1000])
    expect(await rewritten(latin, { chunkBytes })).toEqual(latin)
})

test('nothing is rewritten twice', async () => {
  const once = await rewritten('<a href="/x"><img src="http://192.168.1.50/y">')
  expect(await rewritten(once)).toEqual(once)
})

test.each([
  [
    '<a title="\xc3\xa0 &eacute; &euro;" href="/x" href="/y">',
    `<a title="\xc3\xa0 &eacute; &euro;" href="${base}/x" href="/y">`,
  ],
  ["<A HREF = '/x'>", `<A HREF = '${base}/x'>`],
  ['<a href=/x/>', `<a href=${base}/x/>`],
  ['<p style="background:url(/x)">', `<p style="background:url(${base}/x)">`],
  ['<style>a{b:url(/x)}</style>', `<style>a{b:url(${base}/x)}</style>`],
  ['<svg><use xlink:href="/s.svg#a"/></svg>', `<svg><use xlink:href="${base}/s.svg#a"/></svg>`],
  [
    '<link rel=stylesheet integrity="sha256-x" href="/x">',
    `<link rel=stylesheet  href="${base}/x">`,
  ],
  [
    '<script integrity="sha256-x" src="/x"></script>',
    `<script integrity="sha256-x" src="${base}/x"></script>`,
  ],
  ['<meta name="referrer" content="no-referrer">', '<meta name="referrer" content="same-origin">'],
  ['<meta name="description" content="/x">', '<meta name="description" content="/x">'],
  [
    '<meta http-equiv="Content-Security-Policy" content="connect-src ws://192.168.1.50">',
    '<meta http-equiv="Content-Security-Policy" content="connect-src wss://remote.example/remote/s/abc/">',
  ],
  ['<template>/x<a href="/x"></template>', `<template>/x<a href="${base}/x"></template>`],
  ['<a data-href="/x" href>', '<a data-href="/x" href>'],
])('%s keeps every other byte', async (given, expected) => {
  const page = Buffer.from(given, 'latin1')
  expect((await rewritten(page)).toString('latin1')).toBe(expected)
})

test.each([
  [
    '<!doctype html><html><head><meta charset=x>',
    `<!doctype html><html><head>${script}<meta charset=x>`,
  ],
  ['<html lang=pt><!-- c --><body>x', `<html lang=pt><!-- c -->${script}<body>x`],
  ['<title>x</title><script>1</script>', `${script}<title>x</title><script>1</script>`],
  ['<head><script>a</script></head>', `<head>${script}<script>a</script></head>`],
  ['no tag at all', 'no tag at all'],
])('our script is the first one of %s', async (given, expected) => {
  expect(String(await rewritten(given, { script }))).toBe(expected)
})

test('beyond the limit the rest passes as it is, wherever the cut falls', async () => {
  const page = '<p><a href="/x">caf\xe9</a><!-- c --><script>var a</script>'.repeat(20)
  for (const maxBytes of [100, 501, 502, 503, 510, 530, 533])
    for (const chunkBytes of [1, 64, 10_000]) {
      const text = String(await rewritten(page, { maxBytes, chunkBytes }))
      expect(text.replaceAll(base, '')).toBe(String(Buffer.from(page)))
      expect(text.endsWith('<a href="/x">caf\xe9</a><!-- c --><script>var a</script>')).toBe(true)
    }
})

test('a value that holds data rather than an address stays as it is', async () => {
  const page = `<p style="${'url(/x)'.repeat(10_000)}">`
  expect(String(await rewritten(page, { chunkBytes: 9_000 }))).toBe(page)
})

test('one endless tag or comment is not held beyond the limit', async () => {
  for (const start of ['<a href="', '<!-- ', '<script>']) {
    const page = start + 'x'.repeat(300_000)
    expect(String(await rewritten(page, { maxBytes: 1_000, chunkBytes: 100 }))).toBe(page)
  }
})
