import { expect, test } from 'vitest'
import { Latest } from './latest.ts'

test('whoever comes late gets the newest, and each only once', async () => {
  const latest = new Latest<number>()
  for (const value of [1, 2, 3]) latest.put(value)
  expect(await latest.next()).toBe(3)
  const waiting = latest.next()
  latest.put(4)
  expect(await waiting).toBe(4)
})

test('an end wakes who waits, with the error where there is one', async () => {
  const [plain, broken] = [new Latest<number>(), new Latest<number>()]
  const waiting = [plain.next(), broken.next()] as const
  plain.end()
  broken.end(new Error('lost'))
  expect(await waiting[0]).toBeUndefined()
  await expect(waiting[1]).rejects.toThrow('lost')
  plain.put(1)
  expect(await plain.next()).toBeUndefined()
})
