import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')

test('docs/security.md names for each control a test, and no file that is not there', () => {
  const text = readFileSync(join(root, 'docs/security.md'), 'utf8')
  const rows = [...text.matchAll(/^\| (?!control \|).*$/gm)].map(([row]) => row)
  const files = rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
  expect(files.filter((name) => !existsSync(join(root, name)))).toEqual([])
  expect(rows.filter((row) => !/\| (`[\w/.-]+\.test\.ts`(, )?)+ \|$/.test(row))).toEqual([])
  expect(rows.length).toBeGreaterThan(50)
})
