import fc from 'fast-check'
import { expect, test } from 'vitest'
import { viewOf } from './public-address.ts'
import { SheetRewriter } from './rewrite-css.ts'

const base = '/remote/s/abc'
const device = { baseUrl: 'http://192.168.1.50', ports: [] }
const view = viewOf(device, { publicOrigin: 'https://remote.example', base, port: undefined })

function rewriteCss(css: string): string {
  const sheet = new SheetRewriter(view)
  return [...sheet.read(css), ...sheet.end()].join('')
}

test.each([
  ['a { background: url(/x.png) }', `a { background: url(${base}/x.png) }`],
  ['url( "/x y.png" )', `url( "${base}/x y.png" )`],
  ["URL('/x.png')", `URL('${base}/x.png')`],
  ['url(/a),url(/b)', `url(${base}/a),url(${base}/b)`],
  ['url(&quot;/x.png&quot;)', `url(&quot;${base}/x.png&quot;)`],
  ['@import "/x.css" screen;', `@import "${base}/x.css" screen;`],
  ["@import url('/x.css');", `@import url('${base}/x.css');`],
  ['url(//192.168.1.50/x)', `url(${base}/x)`],
  ['url(x.png) url(../x) url(#id)', 'url(x.png) url(../x) url(#id)'],
  ['url("data:image/svg+xml,<a href=\'/x\'>")', 'url("data:image/svg+xml,<a href=\'/x\'>")'],
  ['/* url(/x) */', '/* url(/x) */'],
  ['/* url(/x)', '/* url(/x)'],
  ['a::after { content: "url(/x)" }', 'a::after { content: "url(/x)" }'],
  ['content: "\\"url(/x)"; b: url(/y)', `content: "\\"url(/x)"; b: url(${base}/y)`],
  ["it's {\n b: url(/y) }", `it's {\n b: url(${base}/y) }`],
])('%s', (given, expected) => {
  expect(rewriteCss(given)).toBe(expected)
  expect(rewriteCss(expected)).toBe(expected)
})

test('whatever a sheet holds, taking the prefix away again gives the sheet', () => {
  const part = fc.constantFrom('url(', '/x', ')', '"', "'", '/*', '*/', '\\', '\n', '@import ', 'é')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
      const css = parts.join('')
      expect(rewriteCss(css).replaceAll(base, '')).toBe(css)
    }),
    { numRuns: 2_000 },
  )
})

test.each(['url("', '/*', '@import ', 'url( ', '"\\'])(
  'half a megabyte of %j is read in seconds',
  (text) => {
    const begin = performance.now()
    rewriteCss(text.repeat(2 ** 19 / text.length))
    expect(performance.now() - begin).toBeLessThan(10_000)
  },
)
