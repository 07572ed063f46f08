import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { appendBatch, pruneFiles } from './feed-files.ts'

const root = mkdtempSync(join(tmpdir(), 'travessia-feed-files-'))
const now = Date.UTC(2026, 10, 29, 12)
const dayMs = 86_400_000
const line = (text: string) => `${JSON.stringify({ text })}\n`
let runs = 0
let base: string
let directory: string

beforeEach(() => {
  runs += 1
  base = join(root, String(runs))
  directory = join(base, 'tenant', 'feed')
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const names = () => readdirSync(directory).toSorted()
const textOf = (name: string) => readFileSync(join(directory, name), 'utf8')
const append = (lines: string, first = 1, at = now) =>
  appendBatch(directory, { lines, first, now: at })

test('batches go into the file of the day, whose name says day and first position', async () => {
  await append(line('a') + line('b'), 7)
  await append(line('ção'), 9)
  expect(names()).toEqual(['2026-11-29-000000000000007.jsonl'])
  expect(textOf('2026-11-29-000000000000007.jsonl')).toBe(line('a') + line('b') + line('ção'))
})

test.each([0, 10, 200_000])(
  'a piece of %i bytes of a line, left by a crash, is cut off; whole lines stay',
  async (bytes) => {
    await append(line('a'))
    const [name = ''] = names()
    appendFileSync(join(directory, name), 'x'.repeat(bytes))
    await append(line('b'), 2)
    expect(textOf(name)).toBe(line('a') + line('b'))
  },
)

test('a file that is a piece of its first line only is begun anew', async () => {
  mkdirSync(directory, { recursive: true })
  appendFileSync(join(directory, '2026-11-29-000000000000001.jsonl'), '{"te')
  await append(line('a'))
  expect(names().map(textOf)).toEqual([line('a')])
})

test('the next day and a full file begin another one; a clock that was set back does not', async () => {
  await append(line('x'.repeat(16 * 1024 * 1024)), 1)
  await append(line('b'), 2)
  await append(line('c'), 3, now + dayMs)
  await append(line('d'), 4, now - dayMs)
  expect(names()).toEqual([
    ...['2026-11-29-000000000000001.jsonl', '2026-11-29-000000000000002.jsonl'],
    '2026-11-30-000000000000003.jsonl',
  ])
  expect(textOf('2026-11-30-000000000000003.jsonl')).toBe(line('c') + line('d'))
})

test('a feed has at most 32 files: the oldest goes', async () => {
  for (let day = 0; day < 40; day += 1) await append(line('a'), day, now + day * dayMs)
  expect(names()).toHaveLength(32)
  expect(names()[0]).toMatch(/^2026-12-07/)
})

test('files of more than a week are removed, folders when they are empty, and nothing else', async () => {
  await append(line('old'), 1, now - 8 * dayMs)
  await append(line('kept'), 2, now - 7 * dayMs)
  appendFileSync(join(directory, 'notes.txt'), 'of somebody else')
  await pruneFiles(base, now)
  expect(names()).toEqual(['2026-11-22-000000000000002.jsonl', 'notes.txt'])
  rmSync(join(directory, 'notes.txt'))
  await pruneFiles(base, now + 30 * dayMs)
  await pruneFiles(base, now + 30 * dayMs)
  expect(readdirSync(base)).toEqual([])
  await pruneFiles(join(base, 'never there'), now)
})

test('what cannot be written is said, so that it is tried again', async () => {
  mkdirSync(join(directory, '2026-11-29-000000000000001.jsonl'), { recursive: true })
  await expect(append(line('a'))).rejects.toEqual(expect.objectContaining({ code: 'FEED_FILE' }))
})
