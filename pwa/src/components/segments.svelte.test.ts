import { afterEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import Segments from './segments.svelte'

afterEach(() => cleanup())

test('a choice that came to nothing can be tried again', async () => {
  const onchange = vi.fn()
  const choices = ['um', 'dois'].map((text) => ({ value: text, text }))
  const props = { label: 'Qual', choices, value: 'um', onchange }
  const { rerender } = await render(Segments, props)
  const other = page.getByText('dois')
  await other.click()
  await expect.element(page.getByRole('radio', { name: 'um' })).toBeChecked()
  await other.click()
  expect(onchange.mock.calls).toEqual([['dois'], ['dois']])
  await rerender({ value: 'dois' })
  await expect.element(page.getByRole('radio', { name: 'dois' })).toBeChecked()
})
