import { afterEach, expect, test, vi } from 'vitest'
import { PageTurns } from './page-turns.ts'

const busy = expect.objectContaining({ code: 'NODE_BUSY' })
const { signal } = new AbortController()
const opened: Array<() => void> = []
afterEach(() => {
  for (const end of opened.splice(0)) end()
  vi.useRealTimers()
})

/** Pages that are under way until they are let go. */
function hold(turns: PageTurns, count: number, patience?: AbortSignal): void {
  const page = () => new Promise<void>((resolve) => opened.push(resolve))
  for (let held = 0; held < count; held += 1) void turns.take('a', page, patience)
}

test('who has patience waits for room, in order, and for half a minute at most', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const turns = new PageTurns()
  hold(turns, 32)
  const said: string[] = []
  for (const name of ['first', 'second'])
    void turns.take('a', async () => said.push(name), signal).catch(() => said.push(`not ${name}`))
  await vi.advanceTimersByTimeAsync(29_000)
  expect(said).toEqual([])
  opened.shift()?.()
  await vi.advanceTimersByTimeAsync(1)
  expect(said).toEqual(['first', 'second'])
  hold(turns, 1)
  const late = expect(turns.take('a', async () => 'never', signal)).rejects.toEqual(busy)
  await vi.advanceTimersByTimeAsync(30_000)
  await late
})

test('who leaves the line is told why, and its place is free', async () => {
  const turns = new PageTurns()
  hold(turns, 32)
  const leaving = new AbortController()
  const left = turns.take('a', async () => 'never', leaving.signal)
  const next = turns.take('a', async () => 'next', signal)
  leaving.abort(new RangeError('has left'))
  await expect(left).rejects.toThrow('has left')
  await expect(turns.take('a', async () => 'never', leaving.signal)).rejects.toThrow('has left')
  opened.shift()?.()
  expect(await next).toBe('next')
})

test('those who have patience leave room to those who have none, of the same customer and of others', async () => {
  const turns = new PageTurns()
  hold(turns, 40, signal)
  await Promise.resolve()
  expect(opened).toHaveLength(8)
  hold(turns, 24)
  await Promise.resolve()
  expect(opened).toHaveLength(32)
  await expect(turns.take('a', async () => 'none')).rejects.toEqual(busy)
  expect(await turns.take('b', async () => 'theirs')).toBe('theirs')
  while (opened.length > 0) {
    opened.shift()?.()
    await new Promise(setImmediate)
  }
  expect(await turns.take('a', async () => 'again')).toBe('again')
})
