import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import en from '../messages/en.json' with { type: 'json' }
import pt from '../messages/pt-BR.json' with { type: 'json' }
import { m } from './paraglide/messages.js'

const sources = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter(
    (name) =>
      /\.(svelte|ts)$/.test(name) && !name.startsWith('paraglide') && !name.includes('.test.'),
  )
  .map((name) => ({ name, text: readFileSync(join(import.meta.dirname, name), 'utf8') }))

test('both languages have the same messages, and none is empty', () => {
  expect(Object.keys(en).sort()).toEqual(Object.keys(pt).sort())
  expect(Object.values({ ...pt, ...en }).filter((text) => text.trim() === '')).toEqual([])
})

test('every message that a page names exists, and every message is named by a page', () => {
  const named = new Set(
    sources.flatMap(({ text }) => [...text.matchAll(/\bm\.(\w+)/g)].map(([, key]) => key)),
  )
  const known = Object.keys(pt).filter((key) => key !== '$schema')
  expect([...named].filter((key) => key !== undefined && !known.includes(key))).toEqual([])
  expect(known.filter((key) => !named.has(key))).toEqual([])
})

test('the compiled catalogue is not empty', () => {
  expect(m.gate_release({}, { locale: 'pt-BR' })).toBe('Liberar')
  expect(m.gate_release({}, { locale: 'en' })).toBe('Release')
})

test('no component writes raw HTML', () => {
  expect(sources.filter(({ text }) => text.includes('{@html')).map(({ name }) => name)).toEqual([])
})

test('only api.ts calls fetch', () => {
  const callers = sources.filter(({ text }) => /\bfetch\(/.test(text)).map(({ name }) => name)
  expect(callers).toEqual(['api.ts'])
})
