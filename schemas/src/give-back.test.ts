import { expect, test } from 'vitest'
import { giveBack, shareBuffer } from './give-back.ts'

const large = 20_000

test('bytes that fill a buffer of their own are given back, with a head before them or without', () => {
  const whole = new Uint8Array(large)
  const behindHead = new Uint8Array(new ArrayBuffer(100 + large), 100)
  for (const bytes of [whole, behindHead]) {
    giveBack(bytes)
    expect(bytes.buffer.byteLength).toBe(0)
  }
  // Twice is once.
  giveBack(whole)
})

test('of a buffer that others may have a part of nothing is given back', () => {
  const kept = [
    new Uint8Array(1_000),
    new Uint8Array(new ArrayBuffer(large + 1), 0, large),
    new Uint8Array(new ArrayBuffer(large + 1_000), 1_000),
    new Uint8Array(new SharedArrayBuffer(large)),
  ]
  for (const bytes of kept) {
    const before = bytes.buffer.byteLength
    giveBack(bytes)
    expect(bytes.buffer.byteLength).toBe(before)
  }
})

test('of a buffer that is shared nothing is given back, whoever says so', () => {
  const whole = new Uint8Array(large)
  shareBuffer(whole.subarray(3, 9))
  giveBack(whole)
  expect(whole.length).toBe(large)
})
