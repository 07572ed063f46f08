import { readdirSync, readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { CopyMaker } from './copy-maker.ts'

/** Of the threads of this process, as Linux has them (`proc(5)`, field 19 of `stat`). */
function niceOfThreads(): number[] {
  return readdirSync('/proc/self/task').map((thread) => {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
  })
}

test('the thread that makes copies comes after whoever is served, and this one does not', async () => {
  const maker = new CopyMaker()
  onTestFinished(() => maker.stop())
  const before = niceOfThreads().filter((nice) => nice === 10).length
  const bytes = new TextEncoder().encode('{"a":1}').slice()
  const copy = await maker.make({
    ...{ bytes, coding: 'identity', mediaType: 'application/json', maxBytes: 100 },
  })
  expect(new TextDecoder().decode(copy?.bytes)).toBe('{"a":1}')
  // It was given away, not copied.
  expect(bytes.length).toBe(0)
  expect(niceOfThreads().filter((nice) => nice === 10)).toHaveLength(before + 1)
})
