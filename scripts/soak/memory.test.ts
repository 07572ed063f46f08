import { expect, test } from 'vitest'
import { leaks, thirdsOf } from './memory.ts'

const mebibyte = 1024 * 1024
const run = (bytesAt: (second: number) => number) =>
  leaks({ name: 'node', ...thirdsOf(Array.from({ length: 1_200 }, (_, i) => bytesAt(i / 2))) })

test('memory that is filled at the beginning and then moves about is no leak', () => {
  expect(run((s) => mebibyte * (120 + Math.min(s, 100) + 20 * Math.sin(s)))).toEqual([])
})

test('memory that grows by 10 MiB a minute is a leak', () => {
  expect(run((s) => mebibyte * (100 + s / 6))).toEqual(['node: 138 MiB became 188 MiB'])
})

test('one high sample is none', () => {
  expect(run((s) => mebibyte * (s === 590 ? 900 : 100))).toEqual([])
})
