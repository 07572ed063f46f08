import { createRawSnippet, mount, unmount } from 'svelte'
import { afterEach, expect, test } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { toasts } from '../state/toasts.svelte.ts'
import Floor from './floor.svelte'
import UpdatePrompt from './update-prompt.svelte'

afterEach(() => {
  toasts.items = []
  return cleanup()
})

test('a message stands above the offer of a new version, and both can be tapped', async () => {
  let later = 0
  const children = createRawSnippet(() => ({
    render: () => '<div></div>',
    setup: (target) => {
      const props = { onupdate: () => undefined, onlater: () => (later += 1) }
      const prompt = mount(UpdatePrompt, { target, props })
      return () => void unmount(prompt)
    },
  }))
  toasts.show('Sem registro', 'error')
  await render(Floor, { children })
  const toast = page.getByRole('button', { name: 'Sem registro' })
  const offer = page.getByRole('button', { name: m.update_later() })
  const { bottom } = toast.element().getBoundingClientRect()
  const card = offer.element().closest('.card')
  expect(bottom).toBeLessThanOrEqual(card?.getBoundingClientRect().top ?? 0)
  await offer.click()
  expect(later).toBe(1)
  await toast.click()
  await expect.element(toast).not.toBeInTheDocument()
})
