import { readdirSync, readFileSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { CopyMaker } from './copy-maker.ts'

/** The threads of this process that come after others, as Linux has them (`proc(5)`, field 19 of `stat`). */
function niceThreads(): string[] {
  return readdirSync('/proc/self/task').filter((thread) => {
    try {
      const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16] === '10'
    } catch {
      // It has ended meanwhile.
      return false
    }
  })
}

const order = { coding: 'identity', mediaType: 'application/json', maxBytes: 1e8 }
const bytesOf = (text: string) => new TextEncoder().encode(text).slice()

test('the thread that makes copies comes after whoever is served, and this one does not', async () => {
  const maker = new CopyMaker()
  onTestFinished(() => maker.stop())
  const before = niceThreads()
  const bytes = bytesOf('{"a":1}')
  const copy = await maker.make({ ...order, bytes })
  expect(new TextDecoder().decode(copy?.bytes)).toBe('{"a":1}')
  // It was given away, not copied.
  expect(bytes.length).toBe(0)
  expect(niceThreads().filter((thread) => !before.includes(thread))).toHaveLength(1)
})

test('a body without an end holds up the others for so long, and the next one is made', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const maker = new CopyMaker()
  onTestFinished(() => maker.stop())
  const endless = maker.make({ ...order, bytes: bytesOf('<key></key>'.repeat(90_000)) })
  const behind = maker.make({ ...order, bytes: bytesOf('{"a":1}') })
  vi.advanceTimersByTime(10_000)
  const ended = await Promise.allSettled([endless, behind])
  expect(ended.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  const next = await maker.make({ ...order, bytes: bytesOf('{"b":1}') })
  vi.advanceTimersByTime(10_000)
  const last = await maker.make({ ...order, bytes: bytesOf('{"c":1}') })
  expect([next, last].map((copy) => new TextDecoder().decode(copy?.bytes))).toEqual([
    '{"b":1}',
    '{"c":1}',
  ])
})
