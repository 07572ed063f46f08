import { expect, test } from 'vitest'
import { slugOf } from './slug.ts'

test.each([
  ['Catraca Entrada', 'catraca-entrada'],
  ['  Portão 3 — Saída! ', 'portao-3-saida'],
  ['漢字', 'item'],
  ['../..', 'item'],
  ['', 'item'],
  [`${'a'.repeat(59)} b`, 'a'.repeat(59)],
  ['a'.repeat(80), 'a'.repeat(60)],
])('the address of %j is %s: plain, short, no dash at its ends', (name, slug) => {
  expect(slugOf(name, new Set())).toBe(slug)
})

test('an address that is taken gets a number', () => {
  expect(slugOf('Catraca', new Set(['catraca', 'catraca-2']))).toBe('catraca-3')
})
