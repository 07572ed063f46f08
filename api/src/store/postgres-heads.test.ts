import { expect, test } from 'vitest'
import type { StreamHead } from './postgres-batch.ts'
import { Heads } from './postgres-heads.ts'

const head = {} as StreamHead

/** Where these streams stand, the log being at 5. */
function known(streams: number): Heads {
  const heads = new Heads()
  heads.at(5)
  for (let n = 0; n < streams; n += 1) heads.streams.set(`${n}`, head)
  return heads
}

test('what a writer knows of streams holds while the log stands where it left it', () => {
  const heads = known(3)
  heads.at(5)
  expect(heads.streams.size).toBe(3)
  heads.at(6)
  expect([heads.streams.size, heads.position]).toEqual([0, 6])
})

test('of no more than 50,000 streams it is known where they stand', () => {
  const heads = known(50_000)
  heads.at(5)
  expect(heads.streams.size).toBe(50_000)
  heads.streams.set('more', head)
  heads.at(5)
  expect([heads.streams.size, heads.position]).toEqual([0, 5])
})
