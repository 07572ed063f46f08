import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '@travessia/schemas/ids'
import { afterAll, expect, test } from 'vitest'
import { History } from './history.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-history-'))
const history = new History(join(directory, 'history.db'))
const hot = (actual: number) => ({
  status: 'printing' as const,
  temperatures: [{ sensor: 'nozzle', actual, target: 210 }],
  job: { file: 'a.gcode', progress: actual / 10, secondsLeft: null },
})

afterAll(() => {
  history.close()
  rmSync(directory, { recursive: true })
})

test('a device’s samples are read back by series, oldest first, and no other device’s', () => {
  const [one, other] = [newId(), newId()]
  history.add(one, 100_000, hot(200))
  history.add(one, 120_000, hot(210))
  history.add(other, 120_000, hot(50))
  expect(history.read(one, 0, 200_000)).toEqual({
    nozzle: [
      [100_000, 200],
      [120_000, 210],
    ],
    progress: [
      [100_000, 20],
      [120_000, 21],
    ],
  })
})

test('samples that come faster than each ten seconds are dropped', () => {
  const id = newId()
  for (let at = 100_000; at < 130_000; at += 1_000) history.add(id, at, hot(at / 1000))
  expect(history.read(id, 0, 200_000)['nozzle']).toHaveLength(3)
})

test('a long time is thinned to averages, at most 300 points a series', () => {
  const id = newId()
  for (let n = 0; n < 1_000; n += 1)
    history.add(id, 100_000 + n * 10_000, hot(n % 2 === 0 ? 0 : 100))
  const points = history.read(id, 100_000, 100_000 + 1_000 * 10_000)['nozzle'] ?? []
  expect(points.length).toBeLessThanOrEqual(301)
  expect(points.length).toBeGreaterThan(200)
  expect(Math.min(...points.map(([, value]) => value))).toBeGreaterThan(20)
})

test('what is older than a week goes, also when only one device still speaks', () => {
  const [old, speaking] = [newId(), newId()]
  history.add(old, 1_000_000, hot(1))
  for (let n = 0; n < 2_100; n += 1)
    history.add(speaking, 8 * 24 * 3_600_000 + 1_000_000 + n * 10_000, hot(1))
  expect(history.read(old, 0, Date.now())).toEqual({})
})

test('a removed device is forgotten', () => {
  const id = newId()
  history.add(id, 100_000, hot(1))
  history.forget(id)
  expect(history.read(id, 0, 200_000)).toEqual({})
})
