import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import HoldButton from './hold-button.svelte'

afterEach(() => cleanup())

async function show(isDisabled = false) {
  const onheld = vi.fn()
  await render(HoldButton, { text: 'Liberar', help: 'Segure', isDisabled, onheld })
  const element = page.getByRole('button').element()
  const pointer = (type: string) =>
    element.dispatchEvent(new PointerEvent(type, { bubbles: true, button: 0 }))
  return { onheld, pointer }
}

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms))

test('the hold button fires once after it was held', async () => {
  const { onheld, pointer } = await show()
  pointer('pointerdown')
  await wait(1_000)
  pointer('pointerup')
  expect(onheld).toHaveBeenCalledTimes(1)
})

test('the hold button does nothing when it is let go early', async () => {
  const { onheld, pointer } = await show()
  pointer('pointerdown')
  await wait(200)
  pointer('pointerup')
  await wait(900)
  expect(onheld).not.toHaveBeenCalled()
})

test('the keyboard needs two steps', async () => {
  const { onheld } = await show()
  await userEvent.tab()
  await userEvent.keyboard('{Enter}')
  expect(onheld).not.toHaveBeenCalled()
  await userEvent.keyboard('{Enter}')
  expect(onheld).toHaveBeenCalledTimes(1)
})

test('a disabled hold button cannot be held', async () => {
  const { onheld, pointer } = await show(true)
  pointer('pointerdown')
  await wait(1_000)
  expect(onheld).not.toHaveBeenCalled()
})
