import { afterEach, expect, test } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { ApiError } from '../api.ts'
import { m } from '../paraglide/messages.js'
import Problem from './problem.svelte'

afterEach(() => cleanup())

test('the time until it can be tried again is not read aloud each second', async () => {
  const problem = { type: 'about:blank', code: 'RATE_LIMITED', title: 'Cedo', status: 429 }
  await render(Problem, { error: new ApiError(problem, Date.now() + 5_000) })
  const timer = page.getByRole('alert').getByRole('timer')
  expect(timer.element().textContent).toMatch(/0:0\d/)
})

test('trying again shows that it is under way, once, and has the focus again when it failed', async () => {
  const problem = { type: 'about:blank', code: 'STORE_UNAVAILABLE', title: 'Não', status: 503 }
  const answer = Promise.withResolvers<void>()
  let tries = 0
  const retry = () => {
    tries += 1
    return answer.promise
  }
  await render(Problem, { error: new ApiError(problem), retry })
  await page.getByRole('button', { name: m.retry() }).click()
  await expect.element(page.getByRole('button', { name: m.loading() })).toBeDisabled()
  answer.resolve()
  await expect.element(page.getByRole('button', { name: m.retry() })).toHaveFocus()
  expect(tries).toBe(1)
})
