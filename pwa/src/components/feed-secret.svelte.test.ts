import { afterEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import FeedSecret from './feed-secret.svelte'

afterEach(() => {
  vi.restoreAllMocks()
  return cleanup()
})

test('in the sheet itself it is said that the secret was copied, or that the browser refused', async () => {
  const write = vi.spyOn(navigator.clipboard, 'writeText').mockResolvedValue()
  await render(FeedSecret, { secret: 'whsec_abc', onclose: () => undefined })
  const copy = page.getByRole('button', { name: m.feed_secret_copy() })
  await copy.click()
  await expect.element(page.getByRole('status')).toHaveTextContent(m.feed_secret_copied())
  expect(write).toHaveBeenCalledWith('whsec_abc')
  write.mockRejectedValue(new DOMException('no', 'NotAllowedError'))
  await copy.click()
  await expect.element(page.getByRole('status')).toHaveTextContent(m.copy_refused())
})
