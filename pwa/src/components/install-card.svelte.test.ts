import { afterEach, expect, test } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import InstallCard from './install-card.svelte'

afterEach(() => {
  Reflect.deleteProperty(navigator, 'standalone')
  return cleanup()
})

test('without an offer of the browser its menu is named, and nobody but an iPhone is told of Safari', async () => {
  await render(InstallCard)
  await expect.element(page.getByText(m.settings_install_menu())).toBeVisible()
  expect(page.getByText(m.settings_install_ios()).elements()).toEqual([])
})

test('an iPhone is told the steps of Safari', async () => {
  Object.defineProperty(navigator, 'standalone', { value: false, configurable: true })
  await render(InstallCard)
  await expect.element(page.getByText(m.settings_install_ios_add())).toBeVisible()
  expect(page.getByText(m.settings_install_menu()).elements()).toEqual([])
})
