import { expect, test } from 'vitest'
import { Attempt } from './attempt.svelte.ts'

test('an attempt is busy until it is over, and what stood in its way is gone when the next one begins', async () => {
  const attempt = new Attempt()
  const failing = attempt.run(() => Promise.reject(new Error('no')))
  expect(attempt.isBusy).toBe(true)
  await failing
  expect([attempt.isBusy, attempt.error]).toEqual([false, new Error('no')])
  const next = attempt.run(async () => undefined)
  expect([attempt.isBusy, attempt.error]).toEqual([true, undefined])
  await next
  expect(attempt.isBusy).toBe(false)
})
