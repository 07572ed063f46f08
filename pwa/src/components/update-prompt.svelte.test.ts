import { afterEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import UpdatePrompt from './update-prompt.svelte'

afterEach(() => cleanup())

test('a new version is offered and waits for the person', async () => {
  const [onupdate, onlater] = [vi.fn(), vi.fn()]
  await render(UpdatePrompt, { onupdate, onlater })
  await expect.element(page.getByText(m.update_available())).toBeVisible()
  expect(onupdate).not.toHaveBeenCalled()
  await page.getByRole('button', { name: m.update_later() }).click()
  expect(onlater).toHaveBeenCalledTimes(1)
  await page.getByRole('button', { name: m.update_now() }).click()
  expect(onupdate).toHaveBeenCalledTimes(1)
})
