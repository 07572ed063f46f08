import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createRounds } from './rounds.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Each round ends when its turn in `ends` is called. */
function slowRounds() {
  const ends: Array<() => void> = []
  const act = () => new Promise<void>((resolve) => ends.push(resolve))
  return { ends, ...createRounds(1_000, act, (error) => expect.fail(String(error))) }
}

test('the first round begins at once, the next one when its time has come and the one before is over', async () => {
  const { ends, start, stop } = slowRounds()
  const first = start()
  expect(ends).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(3_000)
  expect(ends).toHaveLength(1)
  ends[0]?.()
  await first
  await vi.advanceTimersByTimeAsync(1_000)
  expect(ends).toHaveLength(2)
  ends[1]?.()
  await stop()
})

test('woken, a round begins before its time, but not beside another', async () => {
  const { ends, start, stop, wake } = slowRounds()
  const first = start()
  wake()
  expect(ends).toHaveLength(1)
  ends[0]?.()
  await first
  wake()
  expect(ends).toHaveLength(2)
  ends[1]?.()
  await stop()
})

test('stop waits for the round under way, and no other begins', async () => {
  const { ends, start, stop } = slowRounds()
  void start()
  let isStopped = false
  const stopping = stop().then(() => {
    isStopped = true
  })
  await vi.advanceTimersByTimeAsync(3_000)
  expect(isStopped).toBe(false)
  ends[0]?.()
  await stopping
  await vi.advanceTimersByTimeAsync(3_000)
  expect(ends).toHaveLength(1)
})

test('a round that fails is told, and the next one comes all the same', async () => {
  const told: unknown[] = []
  const act = vi.fn(async () => {
    throw new Error('full disk')
  })
  const { start, stop } = createRounds(1_000, act, (error) => told.push(error))
  await start()
  await vi.advanceTimersByTimeAsync(1_000)
  await stop()
  expect(act).toHaveBeenCalledTimes(2)
  expect(told).toEqual([new Error('full disk'), new Error('full disk')])
})
