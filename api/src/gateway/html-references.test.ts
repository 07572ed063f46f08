import fc from 'fast-check'
import { defaultTreeAdapter, parseFragment } from 'parse5'
import { expect, test } from 'vitest'
import { decode, encode } from './html-references.ts'

/** What a browser makes of it, besides characters that are not ASCII. */
function decodedByParse5(value: string, quote: string): string {
  const { childNodes } = parseFragment(`<a b=${quote}${value}${quote}>`)
  const element = childNodes.find(defaultTreeAdapter.isElementNode)
  return (element?.attrs[0]?.value ?? '').replace(/[^\0-\x7f]/gu, '\ufffd')
}

test.each([
  ['&#47;x', '/x'],
  ['&#x2F&#X2f;', '//'],
  ['&sol;x?a&amp;b&ampc&amp=d', '/x?a&b&ampc&amp=d'],
  ['http&colon;&#0000000000047;&sol;a&period;b', 'http://a.b'],
  ['&Tab;&NewLine;&#9;&#10;/', '\t\n\t\n/'],
  ['java&eacute;&nosuch;&', 'java&eacute;&nosuch;&'],
  ['&#0;&#233;&#x110000;&#99999999999999999999;', '\ufffd\ufffd\ufffd\ufffd'],
])('%j means %j', (value, text) => {
  expect(decode(value).text).toBe(text)
})

const parts =
  '&|&#|&#x|;|=|#|47|2f|0|a|x| |&amp|&AMP|&amp;|&lt|&gt;|&quot|&apos;|&apos|&sol;|&sol|&colon;|&period;|&Tab;|&NewLine;|&lpar;|&lbrack;|&bsol;|&nosuch;|&#47|&#x41;|&#8364;|&#128;'

test('values mean what parse5 reads in them', () => {
  const value = fc.array(fc.constantFrom(...parts.split('|')), { maxLength: 12 })
  fc.assert(
    fc.property(value, (some) => {
      const text = some.join('')
      expect(decode(text).text).toBe(decodedByParse5(text, '"'))
    }),
    { numRuns: 5_000 },
  )
})

test('each place of the text is found in the value', () => {
  const { text, placeOf } = decode('a&#47;b&sol;c')
  const places = Array.from({ length: text.length + 1 }, (_, at) => placeOf(at))
  expect([text, places]).toEqual(['a/b/c', [0, 1, 6, 7, 12, 13]])
})

test.each(['"', "'", ''])('what is written between %s is read again', (quote) => {
  const ascii = Array.from({ length: 127 }, (_, i) => String.fromCharCode(i + 1))
  const letters = fc.constantFrom(...ascii.filter((char) => char !== '\r'))
  fc.assert(
    fc.property(fc.array(letters, { minLength: 1 }), (chars) => {
      const text = chars.join('')
      expect(decodedByParse5(encode(text, quote), quote)).toBe(text)
    }),
  )
})
