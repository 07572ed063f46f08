import type { DeviceButton } from '@travessia/schemas/buttons'
import { afterEach, expect, test } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import ButtonEditor from './button-editor.svelte'

afterEach(() => cleanup())

const stop: DeviceButton = { name: 'Parar', method: 'POST', path: '/stop' }

/** What the form is given is not what it shows next: each change is told once. */
async function edited(button: DeviceButton) {
  const told: DeviceButton[][] = []
  await render(ButtonEditor, { buttons: [button], onchange: (next) => void told.push(next) })
  return told
}
const look = () => page.getByRole('checkbox', { name: m.button_look() })

test('the question before a press can be left out, and be asked again', async () => {
  const told = await edited(stop)
  await expect.element(look()).toBeChecked()
  await look().click()
  expect(told).toEqual([[{ ...stop, look: false }]])
  await cleanup()
  const again = await edited({ ...stop, look: false })
  await expect.element(look()).not.toBeChecked()
  await look().click()
  expect(again).toEqual([[stop]])
})

test('a declared question stays while other fields change; what can be undone asks none', async () => {
  const told = await edited({ ...stop, look: '/status' })
  await expect.element(look()).toBeChecked()
  await page.getByRole('checkbox', { name: m.button_physical() }).click()
  expect(told).toEqual([[{ ...stop, look: '/status', safety: 'reversible' }]])
  await cleanup()
  await edited({ ...stop, safety: 'reversible' })
  await expect.element(look()).not.toBeInTheDocument()
})
