import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson } from './canonical-json.ts'

test('canonicalJson sorts keys by UTF-16 code units [RFC 8785 3.2.3]', () => {
  const value = {
    '\u20ac': 'Euro',
    '\r': 'CR',
    '\ufb33': 'Dalet',
    '1': 'One',
    '\u{1f600}': 'Emoji',
    '\u0080': 'Ctl',
    ö: 'o',
  }
  expect(canonicalJson(value)).toBe(
    '{"\\r":"CR","1":"One","\u0080":"Ctl","ö":"o","€":"Euro","\u{1f600}":"Emoji","\ufb33":"Dalet"}',
  )
})

test('canonicalJson writes numbers as ECMAScript does [RFC 8785 3.2.2.3]', () => {
  expect(canonicalJson([4.5, 2e-3, 0.000000000000000000000000001, -0, 1.5e-300])).toBe(
    '[4.5,0.002,1e-27,0,1.5e-300]',
  )
})

test('canonicalJson leaves undefined members out', () => {
  expect(canonicalJson({ b: undefined, a: 1 })).toBe('{"a":1}')
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, '\ud800', () => 1, 1n])(
  'canonicalJson refuses %s',
  (value) => {
    expect(() => canonicalJson({ value })).toThrow(TypeError)
  },
)

test('canonicalJson is one text for equal values, whatever the order of keys, and parses back', () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string(),
        fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)),
      ),
      (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse())
        expect(canonicalJson(turned)).toBe(canonicalJson(value))
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      },
    ),
  )
})
