import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import HoldButton from './hold-button.svelte'

afterEach(() => cleanup())

async function show(isDisabled = false) {
  const onheld = vi.fn()
  const { rerender } = await render(HoldButton, {
    ...{ text: 'Liberar', help: 'Segure', isDisabled, onheld },
  })
  const element = page.getByRole('button').element()
  /** As the finger did it at this time, whenever the page hears of it. */
  const pointer = (type: string, timeStamp: number) => {
    const event = new PointerEvent(type, { bubbles: true, button: 0 })
    element.dispatchEvent(Object.defineProperty(event, 'timeStamp', { value: timeStamp }))
  }
  return { onheld, pointer, rerender }
}

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms))

test('the hold button fires once after it was held', async () => {
  const { onheld, pointer } = await show()
  pointer('pointerdown', 0)
  await expect.poll(() => onheld.mock.calls.length).toBe(1)
  pointer('pointerup', 1_000)
  expect(onheld).toHaveBeenCalledTimes(1)
})

test('the hold button fires once when a busy page hears of the release before its own timer', async () => {
  const { onheld, pointer } = await show()
  pointer('pointerdown', 0)
  pointer('pointerup', 800)
  expect(onheld).toHaveBeenCalledTimes(1)
  await wait(900)
  expect(onheld).toHaveBeenCalledTimes(1)
})

test('the hold button does nothing when a busy page hears of an early release after its own timer', async () => {
  const { onheld, pointer } = await show()
  pointer('pointerdown', 0)
  for (const until = performance.now() + 1_000; performance.now() < until; );
  // A phone tells of the end of a touch only once the page has taken its beginning.
  await wait(20)
  pointer('pointerup', 200)
  await wait(900)
  expect(onheld).not.toHaveBeenCalled()
})

test('the hold button does nothing when it is disabled under the finger', async () => {
  const { onheld, pointer, rerender } = await show()
  pointer('pointerdown', 0)
  await rerender({ isDisabled: true })
  await wait(1_000)
  expect(onheld).not.toHaveBeenCalled()
  expect(document.querySelector('.holding')).toBeNull()
})

test('the hold button does nothing when it is let go early', async () => {
  const { onheld, pointer } = await show()
  pointer('pointerdown', 0)
  pointer('pointerup', 799)
  await wait(900)
  expect(onheld).not.toHaveBeenCalled()
})

test('a tap opens nothing and says that it was too short', async () => {
  const { onheld, pointer } = await show()
  pointer('pointerdown', 0)
  pointer('pointerup', 100)
  await expect.element(page.getByText(m.hold_longer())).toBeVisible()
  expect(document.querySelector('.help')?.textContent).toContain('Segure')
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

test('a tap takes the first step of the keyboard back', async () => {
  const { onheld, pointer } = await show()
  page.getByRole('button').element().focus()
  await userEvent.keyboard('{Enter}')
  await expect.element(page.getByText(m.gate_confirm())).toBeVisible()
  pointer('pointerdown', 0)
  pointer('pointerup', 100)
  await expect.element(page.getByText('Liberar')).toBeVisible()
  expect(onheld).not.toHaveBeenCalled()
})

test('a disabled hold button cannot be held', async () => {
  const { onheld, pointer } = await show(true)
  pointer('pointerdown', 0)
  await wait(1_000)
  expect(onheld).not.toHaveBeenCalled()
})
