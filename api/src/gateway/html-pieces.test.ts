import fc from 'fast-check'
import { type DefaultTreeAdapterMap, Parser, type Token } from 'parse5'
import { expect, test } from 'vitest'
import { HtmlPieces, type Piece } from './html-pieces.ts'

const maxTagLength = 1_000

/** Cut into pieces that end at `cuts`. */
function piecesOf(page: string, cuts: readonly number[] = []): Piece[] {
  const reader = new HtmlPieces(maxTagLength)
  const ends = [...cuts.map((cut) => cut % (page.length + 1)).sort((a, b) => a - b), page.length]
  const pieces = ends.flatMap((end, i) => reader.read(page.slice(ends[i - 1] ?? 0, end)))
  return [...pieces, ...reader.end()]
}

const joined = (pieces: readonly Piece[]) => pieces.map(({ text }) => text).join('')

/** Text and what is not, one after another, wherever the page was cut. */
function merged(pieces: readonly Piece[]): [boolean, string][] {
  const all: [boolean, string][] = []
  for (const { kind, text } of pieces) {
    const last = all.at(-1)
    if (last?.[0] === (kind === 'text')) last[1] += text
    else if (text !== '') all.push([kind === 'text', text])
  }
  return all
}

/** `<a href="x">` as `['a', ['href', 'x']]`, `</a>` as `['/a']`. */
function tagsOf(pieces: readonly Piece[]): unknown[] {
  return pieces.flatMap((piece) => {
    if (piece.kind !== 'tag') return []
    const { name, isEnd, raw, attributes } = piece.tag
    if (isEnd) return [[`/${name}`]]
    const pairs = attributes.map((one) => [one.name, raw.slice(one.valueStart, one.valueEnd)])
    return [[name, ...pairs]]
  })
}

/** parse5, a whole HTML parser, as the one who knows. */
function tagsByParse5(page: string): unknown[] {
  const tags = new Map<Token.TagToken, unknown>()
  class Recorder extends Parser<DefaultTreeAdapterMap> {
    override onStartTag(tag: Token.TagToken) {
      tags.set(tag, [tag.tagName, ...tag.attrs.map(({ name, value }) => [name, value])])
      super.onStartTag(tag)
    }
    override onEndTag(tag: Token.TagToken) {
      tags.set(tag, [`/${tag.tagName}`])
      super.onEndTag(tag)
    }
  }
  Recorder.parse(page, { scriptingEnabled: true })
  return [...tags.values()]
}

const marks =
  '<a|<B |</a|</ |<|>|/|/>|=| |\t|\n|\f|"|\'|`|href|HREF=|x|é|<!|<!-|<!--|--|-|!|-->|--!>|<!doctype "|<?x|<![CDATA[|]|]]>'
const elements = 'title textarea style xmp iframe noembed noframes noscript script plaintext p'
const htmlParts = fc.constantFrom(
  ...marks.split('|'),
  ...elements.split(' ').flatMap((name) => [`<${name}`, `<${name}>`, `</${name}`, `</${name} >`]),
  '<!--<script>',
  '</SCRIPT\n',
)
const pageOf = (part: fc.Arbitrary<string>) =>
  fc.array(part, { maxLength: 16 }).map((parts) => parts.join(''))
const htmlPage = pageOf(htmlParts)

const closed = 'svg g desc foreignObject math mi mtext'.split(' ')
const within = [
  ...['<![CDATA[<a></a>]]>', '<a></a>]]>', '<svg/>', '<svg d=">"/>', '<!-- <svg> -->', 'x'],
  ...['<style><a></style>', '<title><y></y></title>', '<script>"<a>"</script>', '<font></font>'],
]
/** Elements that are closed, one within another. */
const { drawing } = fc.letrec<{ drawing: string; element: string }>((tie) => ({
  drawing: fc
    .array(fc.oneof({ maxDepth: 4 }, fc.constantFrom(...within), tie('element')), { maxLength: 4 })
    .map((parts) => parts.join('')),
  element: fc
    .tuple(fc.constantFrom(...closed), tie('drawing'))
    .map(([name, content]) => `<${name}><x>${content}</x></${name}>`),
}))

test('tags and attributes are those that parse5 finds', () => {
  fc.assert(
    fc.property(htmlPage, (page) => {
      expect(tagsOf(piecesOf(page))).toEqual(tagsByParse5(page))
    }),
    { numRuns: 5_000 },
  )
})

test.each([
  ...['<script><!--<script></script><a></script><b>', '<script><!--<script>--></script><b>'],
  ...['<script><!--></script><b>', '<script><!--<script></script>--></script><b>'],
  ...['<script><!-- </script><b>', '<script><!--<scripts></script><b>', '<script>--></script><b>'],
])('the script in %s ends where it does for parse5', (page) => {
  expect(tagsOf(piecesOf(page))).toEqual(tagsByParse5(page))
  const cuts = Array.from(page, (_, at) => at)
  expect(tagsOf(piecesOf(page, cuts))).toEqual(tagsByParse5(page))
})

test('drawings are followed 512 deep', () => {
  const page = `${'<svg>'.repeat(600)}${'</svg>'.repeat(512)}<style><a></style>`
  expect(tagsOf(piecesOf(page)).slice(600 + 512)).toEqual([['style'], ['/style']])
})

test.each([
  ...['<svg><svg><p><style><a>', '<svg></p><style><a>', '<svg><font size><style><a>'],
  ...['<math><annotation-xml encoding="Text/HTML"><style><a>', '<math><mi><svg><style><a>'],
  ...['<math><annotation-xml><svg><title><style><a>', '<svg><desc/><style><a>'],
  ...['<p><![CDATA[<a>]]>', '<svg/><![CDATA[<a>]]>', '<svg></svg><![CDATA[<a>]]>'],
])('drawings end in %s where they do for parse5', (page) => {
  expect(tagsOf(piecesOf(page))).toEqual(tagsByParse5(page))
})

test('tags within drawings are those that parse5 finds', () => {
  fc.assert(
    fc.property(drawing, (content) => {
      const page = `<body><svg>${content}</svg><style><a></style>`
      expect(tagsOf(piecesOf(page))).toEqual(tagsByParse5(page))
    }),
    { numRuns: 300 },
  )
})

test('however a page is cut, its pieces are the same, and together they are the page', () => {
  const cuts = fc.array(fc.nat(), { maxLength: 8 })
  const page = fc.tuple(fc.oneof(htmlPage, drawing), fc.nat(2)).map(
    ([text, end]) =>
      // Some end within a large tag, some hold one.
      [text, `${text}<a b="${'x'.repeat(1_000)}`, `<style c="${'x'.repeat(1_000)}">${text}`][end],
  )
  fc.assert(
    fc.property(page, cuts, (text = '', at) => {
      const pieces = piecesOf(text, at)
      expect(joined(pieces)).toBe(text)
      expect(merged(pieces)).toEqual(merged(piecesOf(text)))
      expect(tagsOf(pieces)).toEqual(tagsOf(piecesOf(text)))
    }),
    { numRuns: 3_000 },
  )
})

test('any bytes come out as they went in', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat()), (bytes, cuts) => {
      const text = Buffer.from(bytes).toString('latin1')
      expect(joined(piecesOf(text, cuts))).toBe(text)
    }),
    { numRuns: 3_000 },
  )
})

test('of a large tag the name is known, and what follows is read by it', () => {
  const large = `<STYLE a="${'>'.repeat(1_000)}">`
  const pieces = piecesOf(`${large}<a></style><b>`, [300, 600, 900])
  expect(tagsOf(pieces)).toEqual([['style'], ['/style'], ['b']])
})

test('text is not held back', () => {
  const reader = new HtmlPieces(maxTagLength)
  expect(joined(reader.read('<p>some text'))).toBe('<p>some text')
})

test.each(['<a b="', '<svg>', 'a=1 ', '<!--', '<script>', '<textarea', '-', '<![CDATA['])(
  'four megabytes of %j are read in seconds, also in small pieces',
  (text) => {
    const reader = new HtmlPieces(2 ** 18)
    const chunk = text.repeat(Math.ceil(64 / text.length))
    const begin = performance.now()
    reader.read('<a ')
    for (let size = 0; size < 2 ** 22; size += chunk.length) reader.read(chunk)
    expect(performance.now() - begin).toBeLessThan(10_000)
  },
)
