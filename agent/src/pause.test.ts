import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from './fixtures.ts'
import { durationMs, pause, pausedUntil, pausePathOf, recentPause, resume } from './pause.ts'

const path = () => pausePathOf(join(temporaryDirectory(), 'config.json'))

test('an agent is not paused until somebody says so, and goes on when the time is over', () => {
  const file = path()
  expect(pausedUntil(file)).toBeUndefined()
  pause(file, 2_000)
  expect(pausedUntil(file, 1_000)).toBe(2_000)
  expect(pausedUntil(file, 2_000)).toBeUndefined()
})

test('a pause without an end lasts until it is resumed', () => {
  const file = path()
  pause(file, null)
  expect(pausedUntil(file, Number.MAX_SAFE_INTEGER)).toBeNull()
  resume(file)
  resume(file)
  expect(pausedUntil(file)).toBeUndefined()
})

test('a damaged switch means paused, not open', () => {
  const file = path()
  for (const text of ['', '{', 'null', '{"until":"soon"}']) {
    writeFileSync(file, text)
    expect(pausedUntil(file)).toBeNull()
  }
})

test('who asks all the time sees the switch within 20 ms, on and off', () => {
  const file = path()
  let now = 0
  const isPaused = recentPause(file, () => now)
  expect(isPaused()).toBeUndefined()
  pause(file, null)
  now = 20
  expect(isPaused()).toBeNull()
  resume(file)
  now = 39
  expect(isPaused()).toBeNull()
  now = 40
  expect(isPaused()).toBeUndefined()
})

test('durations are minutes, hours or days; anything else is none', () => {
  expect([durationMs('30m'), durationMs('2h'), durationMs('1d')]).toEqual([
    1_800_000, 7_200_000, 86_400_000,
  ])
  for (const text of ['', '2', 'h', '-2h', '2 h', '99999h', '1w'])
    expect(durationMs(text)).toBeUndefined()
})
