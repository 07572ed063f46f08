/** The budgets of the built app; `npm start`, `npm test` and `npm run build -w pwa` make the build. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'

const dist = join(import.meta.dirname, '../dist')
const assets = readdirSync(join(dist, 'assets'))
const scripts = assets.filter((name) => name.endsWith('.js'))
const kb = 1_000
const textOf = (name: string) => readFileSync(join(dist, 'assets', name), 'utf8')
const gzBytes = (name: string) => gzipSync(textOf(name), { level: 9 }).length
const sum = (names: Iterable<string>) => [...names].reduce((all, name) => all + gzBytes(name), 0)

/** What loading this script loads with it. */
function withImports(name: string, seen = new Set<string>()): Set<string> {
  if (seen.has(name)) return seen
  seen.add(name)
  for (const [, file] of textOf(name).matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g))
    if (file !== undefined) withImports(file, seen)
  return seen
}

const entry = /src="\/assets\/([^"]+\.js)"/.exec(
  readFileSync(join(dist, 'index.html'), 'utf8'),
)?.[1]
const initial = withImports(entry ?? '')

test('the first screen needs at most 60 KB of JavaScript, compressed', () => {
  expect(initial.size).toBeGreaterThan(0)
  expect(sum(initial)).toBeLessThanOrEqual(60 * kb)
})

/** What builds a recorded screen again, asked for only where there is one. */
const isRecording = (name: string) => name.startsWith('stage-recording-')

test('each screen that is loaded later needs at most 30 KB more, a recorded one 80', () => {
  const later = scripts.filter((name) => !initial.has(name))
  expect(later.length).toBeGreaterThan(5)
  const sizes = later.map((name) => ({ name, bytes: sum(withImports(name).difference(initial)) }))
  expect(sizes.some(({ name }) => isRecording(name))).toBe(true)
  const most = (name: string) => (isRecording(name) ? 80 : 30) * kb
  expect(sizes.filter(({ name, bytes }) => bytes > most(name))).toEqual([])
})

test('the offline copy of the app takes at most 700 KB', () => {
  const worker = readFileSync(join(dist, 'sw.js'), 'utf8')
  const files = [...worker.matchAll(/"revision":[^,}]+,"url":"([^"]+)"/g)].map(([, url]) => url)
  expect(files).toContain(`assets/${entry}`)
  const bytes = files.map((path) => statSync(join(dist, String(path))).size)
  expect(bytes.reduce((all, size) => all + size, 0)).toBeLessThanOrEqual(700 * kb)
})
