import { spawnSync } from 'node:child_process'
import fs, {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import type { CommandReport } from '@travessia/schemas/reports'
import { expect, onTestFinished, test, vi } from 'vitest'
import { temporaryDirectory } from './fixtures.ts'
import { Journal } from './journal.ts'

const done = (commandId: string): CommandReport => ({
  ...{ kind: 'command', commandId, status: 'succeeded', at: 1, confirmed: false },
})

test('a command is new, then under way, then ended with its report', () => {
  const journal = new Journal(join(temporaryDirectory(), 'journal'))
  expect(journal.outcomeOf('a')).toBe('new')
  journal.started('a')
  expect(journal.outcomeOf('a')).toBeUndefined()
  journal.ended(done('a'))
  expect(journal.outcomeOf('a')).toEqual(done('a'))
})

test('a command that was begun before a crash is unknown at the next start and stays so', () => {
  const path = join(temporaryDirectory(), 'journal')
  new Journal(path).started('a')
  const next = new Journal(path)
  expect(next.outcomeOf('a')).toMatchObject({ status: 'unknown', commandId: 'a' })
  expect(next.recentReports(60_000)).toHaveLength(1)
  expect(new Journal(path).outcomeOf('a')).toMatchObject({ status: 'unknown' })
})

test('an end survives a restart word for word', () => {
  const path = join(temporaryDirectory(), 'journal')
  const first = new Journal(path)
  first.started('a')
  first.ended(done('a'))
  first.close()
  expect(new Journal(path).outcomeOf('a')).toEqual(done('a'))
})

test('a file that a crash cut at any byte never forgets a command whose start was durable', () => {
  withoutSync()
  const path = join(temporaryDirectory(), 'journal')
  const whole = join(temporaryDirectory(), 'whole')
  const ids = ['a', 'b']
  const journal = new Journal(whole)
  const durableFrom = new Map<string, number>()
  for (const id of ids) {
    journal.started(id)
    durableFrom.set(id, readFileSync(whole).length)
    journal.ended(done(id))
  }
  const bytes = readFileSync(whole)
  for (let length = 0; length <= bytes.length; length += 1) {
    writeFileSync(path, bytes)
    truncateSync(path, length)
    const reopened = new Journal(path)
    for (const id of ids) {
      const isDurable = length >= (durableFrom.get(id) ?? 0)
      if (isDurable) expect(reopened.outcomeOf(id), `${id} cut at ${length}`).not.toBe('new')
      expect(reopened.outcomeOf(id), `${id} cut at ${length}`).not.toBeUndefined()
    }
    reopened.close()
  }
})

test('a damaged line in the middle costs only itself', () => {
  const path = join(temporaryDirectory(), 'journal')
  const lines = [
    { at: Date.now(), started: 'a' },
    null,
    7,
    {},
    { at: 'x', started: 'b' },
    { at: Date.now(), ended: {} },
  ]
  const text = lines.map((line) => JSON.stringify(line)).join('\n')
  writeFileSync(path, `${text}\n{"at":1,"star\n\u0000\u0000\n`)
  appendFileSync(path, `${JSON.stringify({ at: Date.now(), ended: done('c') })}\n`)
  const journal = new Journal(path)
  expect(journal.outcomeOf('a')).toMatchObject({ status: 'unknown' })
  expect(journal.outcomeOf('b')).toBe('new')
  expect(journal.outcomeOf('c')).toEqual(done('c'))
})

test('a line that a full disk cut short does not swallow the next one', () => {
  const path = join(temporaryDirectory(), 'journal')
  const journal = new Journal(path)
  appendFileSync(path, '{"at":1,"started":"cut')
  journal.started('b')
  expect(new Journal(path).outcomeOf('b')).toMatchObject({ status: 'unknown' })
})

test('a command that a full disk leaves no room for is an error before its device is told', () => {
  const path = join(temporaryDirectory(), 'journal')
  const module = new URL('journal.ts', import.meta.url).href
  // Beyond this limit the system writes a part, as on a full disk, and refuses the rest.
  const script = `
    import { Journal } from '${module}'
    process.on('SIGXFSZ', () => undefined)
    const journal = new Journal(process.argv[1])
    try {
      for (let i = 0; ; i += 1) {
        journal.started('command' + i)
        console.log('command' + i)
      }
    } catch ({ code }) {
      console.log(code)
    }`
  const command = 'ulimit -f 1; exec "$@"'
  const node = [process.execPath, '--input-type=module', '-e', script, path]
  const { stdout } = spawnSync('sh', ['-c', command, 'sh', ...node], { encoding: 'utf8' })
  const [code, ...told] = stdout.trim().split('\n').toReversed()
  expect(code).toBe('EFBIG')
  expect(told.length).toBeGreaterThan(5)
  const journal = new Journal(path)
  for (const id of told) expect(journal.outcomeOf(id)).toMatchObject({ status: 'unknown' })
})

test('a journal that cannot be read is an error, not an empty one', () => {
  const path = temporaryDirectory()
  expect(() => new Journal(path)).toThrow(/EISDIR/)
})

test('the last 5,000 commands are remembered; what is older is forgotten at the next start, and the file shrinks', () => {
  const path = join(temporaryDirectory(), 'journal')
  const lines = Array.from({ length: 5_001 }, (_, i) => ({ at: i, ended: done(`old${i}`) }))
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const journal = new Journal(path)
  expect(journal.outcomeOf('old0')).toBe('new')
  expect(journal.outcomeOf('old1')).toEqual(done('old1'))
  expect(readFileSync(path, 'utf8')).not.toContain('"old0"')
})

test('a wall clock that was set a day on forgets nothing: an order may still come again', () => {
  const path = join(temporaryDirectory(), 'journal')
  const day = 24 * 3600_000
  new Journal(path, () => 1_000).ended(done('a'))
  // Also not when something was done while the clock was wrong.
  new Journal(path, () => 1_000 + 2 * day).ended(done('b'))
  expect(new Journal(path, () => 2_000).outcomeOf('a')).toEqual(done('a'))
})

test('a wall clock that was set back keeps every entry', () => {
  const path = join(temporaryDirectory(), 'journal')
  new Journal(path, () => 10 ** 12).ended(done('a'))
  expect(new Journal(path, () => 0).outcomeOf('a')).toEqual(done('a'))
})

/** For what is written thousands of times: a slow disk would need minutes. */
function withoutSync(): void {
  const sync = vi.spyOn(fs, 'fsyncSync').mockReturnValue()
  syncBuiltinESMExports()
  onTestFinished(() => {
    sync.mockRestore()
    syncBuiltinESMExports()
  })
}

/** The next line makes it write its file anew. */
function longJournal() {
  withoutSync()
  const path = join(temporaryDirectory(), 'journal')
  const lines = Array.from({ length: 5_000 }, (_, i) => ({ at: 0, ended: done(`old${i}`) }))
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const journal = new Journal(path)
  for (let i = 0; i < 5_000; i += 1) journal.ended(done('again'))
  return { path, journal }
}

test('a long-running agent writes its file anew instead of letting it grow for ever, also when it only refuses', () => {
  const { path, journal } = longJournal()
  journal.ended(done('refused'))
  expect(readFileSync(path, 'utf8').trim().split('\n').length).toBeLessThan(5_010)
  expect(journal.outcomeOf('old0')).toBe('new')
  expect(journal.outcomeOf('refused')).toEqual(done('refused'))
})

test('a file that cannot be written anew takes no command, and neither closes nor writes another file', () => {
  const { path, journal } = longJournal()
  mkdirSync(`${path}.tmp`)
  expect(() => journal.started('a')).toThrow()
  expect(journal.outcomeOf('a')).toBe('new')
  const other = openSync(`${path}.other`, 'a')
  rmdirSync(`${path}.tmp`)
  journal.started('b')
  writeSync(other, 'its own')
  expect(readFileSync(`${path}.other`, 'utf8')).toBe('its own')
  closeSync(other)
  expect(new Journal(path).outcomeOf('b')).toMatchObject({ status: 'unknown' })
})

test('only ends of the asked time are said again', () => {
  let now = 0
  const journal = new Journal(join(temporaryDirectory(), 'journal'), () => now)
  journal.ended(done('a'))
  now = 10_000
  journal.ended(done('b'))
  journal.started('c')
  expect(journal.recentReports(5_000).map(({ commandId }) => commandId)).toEqual(['b'])
})

test('the journal makes its directory', () => {
  const path = join(temporaryDirectory(), 'below', 'journal')
  new Journal(path).started('a')
  expect(existsSync(path)).toBe(true)
})
