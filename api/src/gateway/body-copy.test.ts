import { expect, test } from 'vitest'
import { BodyCopy, CopyRoom, maxCopyBytes } from './body-copy.ts'

test('a body that is left out takes no room, from the beginning on or since there was none', () => {
  const room = new CopyRoom(10)
  const never = new BodyCopy(room, { maxBytes: 0 })
  never.add(Buffer.alloc(4))
  const late = new BodyCopy(room)
  for (const bytes of [6, 6, 1]) late.add(Buffer.alloc(bytes))
  expect([never.isBusy, late.isBusy]).toEqual([false, true])
  expect([never.isEmpty, never.isCut]).toEqual([false, true])
  expect([never.whole().length, late.whole().length]).toEqual([0, 0])
  expect(room.take(10)).toBe(true)
})

test('of a body its first MiB is copied', () => {
  const copy = new BodyCopy(new CopyRoom(3 * maxCopyBytes))
  copy.add(Buffer.alloc(maxCopyBytes, 'a'))
  expect(copy.isCut).toBe(false)
  for (const letter of ['b', 'c']) copy.add(Buffer.from(letter))
  expect([copy.isCut, copy.whole().length]).toEqual([true, maxCopyBytes])
})
