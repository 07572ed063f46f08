import { afterEach, expect, test } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { ApiError } from '../api.ts'
import Problem from './problem.svelte'

afterEach(() => cleanup())

test('the time until it can be tried again is not read aloud each second', async () => {
  const problem = { type: 'about:blank', code: 'RATE_LIMITED', title: 'Cedo', status: 429 }
  await render(Problem, { error: new ApiError(problem, Date.now() + 5_000) })
  const timer = page.getByRole('alert').getByRole('timer')
  expect(timer.element().textContent).toMatch(/0:0\d/)
})
