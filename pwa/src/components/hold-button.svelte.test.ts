import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import HoldButton from './hold-button.svelte'

afterEach(() => {
  vi.restoreAllMocks()
  return cleanup()
})

async function show(isDisabled = false) {
  const onheld = vi.fn()
  const { rerender } = await render(HoldButton, {
    ...{ text: 'Liberar', help: 'Segure', isDisabled, onheld },
  })
  const element = page.getByRole('button').element()
  const shownAt = performance.now()
  /** As the finger did it at this time after the button was shown, whenever the page hears of it. */
  const pointer = (type: string, at: number) => {
    const timeStamp = shownAt + at
    const event = new PointerEvent(type, { bubbles: true, button: 0 })
    element.dispatchEvent(Object.defineProperty(event, 'timeStamp', { value: timeStamp }))
  }
  const sinceShown = () => performance.now() - shownAt
  return { onheld, pointer, rerender, sinceShown }
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

test.each([
  ['in time', -3_000, 1],
  ['three seconds late', -3_801, 0],
])(
  'of a release that the page hears of %s: pressed at %i ms, fired %i times',
  async (_what, at, times) => {
    const { onheld, pointer } = await show()
    pointer('pointerdown', at)
    pointer('pointerup', at + 900)
    await wait(900)
    expect(onheld).toHaveBeenCalledTimes(times)
    expect(document.querySelector('.holding')).toBeNull()
  },
)

test('a hold whose own time comes more than three seconds late does nothing', async () => {
  const { onheld, pointer } = await show()
  pointer('pointerdown', -3_100)
  await wait(900)
  expect(onheld).not.toHaveBeenCalled()
  expect(document.querySelector('.holding')).toBeNull()
})

test('a finger that the system takes for itself never fires, however long it was there', async () => {
  const { onheld, pointer } = await show()
  pointer('pointerdown', -700)
  pointer('pointercancel', 300)
  await wait(900)
  expect(onheld).not.toHaveBeenCalled()
})

test('a page that was hidden, or slept, while the button was held does nothing', async () => {
  const { onheld, pointer, sinceShown } = await show()
  pointer('pointerdown', 0)
  document.dispatchEvent(new Event('visibilitychange'))
  await wait(1_000)
  pointer('pointerdown', sinceShown())
  const slept = Date.now() + 30_000
  vi.spyOn(Date, 'now').mockReturnValue(slept)
  await wait(1_000)
  vi.restoreAllMocks()
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(true)
  pointer('pointerdown', sinceShown())
  await wait(1_000)
  expect(onheld).not.toHaveBeenCalled()
})

test('a step of the keyboard that the page hears of late does nothing', async () => {
  const { onheld } = await show()
  const element = page.getByRole('button').element()
  const step = (timeStamp: number) => {
    const event = new MouseEvent('click', { bubbles: true })
    element.dispatchEvent(Object.defineProperty(event, 'timeStamp', { value: timeStamp }))
  }
  for (let i = 0; i < 2; i += 1) step(performance.now() - 3_001)
  expect(onheld).not.toHaveBeenCalled()
  for (let i = 0; i < 2; i += 1) step(performance.now())
  expect(onheld).toHaveBeenCalledTimes(1)
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
