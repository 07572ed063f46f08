import { Readable, Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { viewOf } from './public-address.ts'
import { PageRewriter } from './rewrite-html.ts'
import { inTurns } from './turns.ts'

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
  const rewriter = inTurns(new PageRewriter(view, { script: own, maxBytes }))
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
  ['<a href="&#47;x&#47;y&amp;z">', `<a href="${base}&#47;x&#47;y&amp;z">`],
  ['<a href="http&colon;&sol;/192&period;168.1.50&#x2f;x">', `<a href="${base}&#x2f;x">`],
  ['<a href="&Tab;\x01ht&NewLine;tp:/\t/192.168.1.50/x">', `<a href="&Tab;\x01${base}/x">`],
  ['<a href="\\x" src=\\\\192.168.1.50\\y>', `<a href="${base}\\x" src=${base}\\y>`],
  ['<a href="&amp;#47;x" src="&nosuch;/x">', '<a href="&amp;#47;x" src="&nosuch;/x">'],
  ['<p style="a:url(&quot;/x&quot;)">', `<p style="a:url(&quot;${base}/x&quot;)">`],
  ['<style>a{b:url(&#47;x)}</style>', '<style>a{b:url(&#47;x)}</style>'],
  ['<img srcset="/a&#32;1x,&sol;b 2x">', `<img srcset="${base}/a&#32;1x,${base}&sol;b 2x">`],
  [
    '<meta name=x http-equiv=refresh content="0&semi;url=&#39;/x">',
    `<meta name=x http-equiv=refresh content="0&semi;url=&#39;${base}/x">`,
  ],
  [
    "<meta http-equiv=content-security-policy content='script-src &#39;self&#39; &amp;'>",
    "<meta http-equiv=content-security-policy content='script-src &#39;self&#39; &#38;'>",
  ],
  ['<meta name=referrer content><meta name=referrer content=>x'].flatMap((text) => [text, text]),
  [
    '<svg><style><![CDATA[a{b:url(/x)}]]></style></svg>',
    `<svg><style><![CDATA[a{b:url(${base}/x)}]]></style></svg>`,
  ],
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

const large = `<a title="${'x'.repeat(256 * 1024)}" href="/x">`

test('a tag beyond 256 KiB and a style beyond 512 KiB pass as they are, what follows does not', async () => {
  const style = `<style>${'a{b:url(/x)}\n'.repeat(50_000)}</style>`
  for (const page of [large, style, style.replace('<style>', '<svg><style>')])
    for (const chunkBytes of [1_000, 1_000_000]) {
      const text = String(await rewritten(`${page}<a href="/end">`, { chunkBytes }))
      expect(text).toBe(`${page}<a href="${base}/end">`)
    }
})

test('our script never gets into a large tag, nor behind one', async () => {
  const page = `${large.replace('<a', '<script')}if (1) "<p>"</script><p>`
  const text = String(await rewritten(page, { script, chunkBytes: 10_000 }))
  expect(text).toBe(page.replace(/<p>$/, `${script}<p>`))
})

test('a page of any bytes without addresses stays the same, however it is cut', async () => {
  const bytes = fc.array(fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('<a b="/!-'))))
  await fc.assert(
    fc.asyncProperty(bytes, fc.integer({ min: 1, max: 9 }), async (all, chunkBytes) => {
      const page = Buffer.from(all)
      expect(await rewritten(page, { chunkBytes })).toEqual(page)
    }),
    { numRuns: 500 },
  )
})

const names = (count: number) => Array.from({ length: count }, (_, i) => `b${i}`).join(' ')

/** 2 MiB each that could take long. */
const hostile: Record<string, string> = {
  attributes: `<a ${names(270_000)}>`,
  'tags full of attributes': `<a ${names(35_000)}>`.repeat(9),
  drawings: '<svg>'.repeat(2 ** 21 / 5),
  'drawings in HTML': '<svg><desc>'.repeat(2 ** 21 / 11),
  addresses: '<a href=//a>'.repeat(2 ** 21 / 12),
  sets: `<img srcset="${'//a, '.repeat(13_000)}">`.repeat(32),
  policies: `<meta http-equiv=content-security-policy content="${'a '.repeat(4_000)}b">`.repeat(
    256,
  ),
  references: `<a href="${'&#47;'.repeat(13_000)}">`.repeat(32),
  styles: `<style>${'url(//a)'.repeat(65_000)}</style>`.repeat(4),
  strings: `<style>${'""'.repeat(260_000)}</style>`.repeat(4),
  hosts: `<a href="//${'\xe0\xff'.repeat(140)}">`.repeat(7_000),
}

test.each(Object.keys(hostile))('megabytes of %s leave the node to others', async (kind) => {
  const page = Buffer.from(hostile[kind] ?? '', 'latin1')
  let isDone = false
  let longest = 0
  const others = (async () => {
    for (let last = performance.now(); !isDone; ) {
      await setImmediate()
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }
  })()
  const result = await rewritten(page, { chunkBytes: 2 ** 16 })
  isDone = true
  await others
  expect(result.length).toBeGreaterThanOrEqual(page.length)
  expect(longest).toBeLessThan(5_000)
})

test('a policy beyond 8 KiB stays as it is', async () => {
  const page = `<meta http-equiv=content-security-policy content="${' a  b'.repeat(2_000)}">`
  expect(String(await rewritten(page))).toBe(page)
})

test('one endless tag or comment is not held beyond the limit', async () => {
  for (const start of ['<a href="', '<!-- ', '<script>']) {
    const page = start + 'x'.repeat(300_000)
    expect(String(await rewritten(page, { maxBytes: 1_000, chunkBytes: 100 }))).toBe(page)
  }
})
