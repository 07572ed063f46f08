import { beforeEach, expect, test } from 'vitest'
import { forgetAll, recall, remember } from './snapshot.ts'

beforeEach(() => forgetAll())

test('what was remembered goes with the person, and what comes after them is not kept', async () => {
  await remember('/before', 1)
  expect(await recall('/before')).toMatchObject({ value: 1 })
  await Promise.all([remember('/meanwhile', 2), forgetAll(true), remember('/after', 3)])
  await remember('/late', 4)
  for (const path of ['/before', '/meanwhile', '/after', '/late'])
    expect(await recall(path), path).toBeUndefined()
})

test('who did not get away, or comes next, is remembered again', async () => {
  await forgetAll(true)
  await forgetAll()
  await remember('/next', 1)
  expect(await recall('/next')).toMatchObject({ value: 1 })
})
