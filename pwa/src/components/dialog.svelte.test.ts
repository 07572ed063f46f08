import { createRawSnippet } from 'svelte'
import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import Dialog from './dialog.svelte'

const opener = document.createElement('button')

afterEach(() => {
  opener.remove()
  return cleanup()
})

async function show() {
  document.body.append(opener)
  opener.focus()
  const onclose = vi.fn()
  const children = createRawSnippet(() => ({ render: () => '<input aria-label="Nome">' }))
  const props = { title: 'Editar', onclose, children }
  const { rerender } = await render(Dialog, { ...props, isOpen: false })
  await rerender({ ...props, isOpen: true })
  return { onclose, close: () => rerender({ ...props, isOpen: false }) }
}

test('an open dialog has a name, takes the focus and keeps it from the page behind', async () => {
  await show()
  const dialog = page.getByRole('dialog', { name: 'Editar' })
  await expect.element(dialog).toBeVisible()
  const seen = new Set<Element | null>()
  for (const _ of [1, 2, 3, 4]) {
    seen.add(document.activeElement)
    await userEvent.tab()
  }
  expect(
    dialog.element().contains(document.activeElement) || document.activeElement === document.body,
  ).toBe(true)
  expect(seen.has(opener)).toBe(false)
  expect(seen.has(page.getByLabelText('Nome').element())).toBe(true)
})

test('Escape closes the dialog and the focus returns to what opened it', async () => {
  const { onclose, close } = await show()
  await userEvent.keyboard('{Escape}')
  await expect.poll(() => onclose.mock.calls.length).toBe(1)
  await close()
  expect(document.activeElement).toBe(opener)
})

test('the second tap of a double one on a dialog that closes hits nothing beneath it', async () => {
  const beneath = vi.fn()
  opener.onclick = beneath
  opener.style.cssText = 'position: fixed; inset: 0'
  const { onclose, close } = await show()
  onclose.mockImplementation(close)
  await userEvent.dblClick(page.getByRole('dialog').getByRole('button'))
  expect(onclose).toHaveBeenCalled()
  expect(beneath).not.toHaveBeenCalled()
  await userEvent.click(opener)
  expect(beneath).toHaveBeenCalledOnce()
})
