import type { AgentState, KnownState } from '@travessia/schemas/api'
import { errorText } from '@travessia/schemas/errors'
import { afterEach, expect, test } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { getLocale } from '../paraglide/runtime.js'
import LiveState from './live-state.svelte'

afterEach(() => cleanup())

async function show(agoMs: number, status: AgentState['status'] = 'ONLINE') {
  const at = new Date(Date.now() - agoMs).toISOString()
  const known: KnownState = { state: { status: 'printing', detail: 'own word' }, at }
  await render(LiveState, { known, agent: { status } as AgentState })
  return page.getByText(m.device_stale())
}

test('a fresh state stands with its age and without a warning', async () => {
  const stale = await show(5_000)
  await expect.element(page.getByText(m.device_printing())).toBeVisible()
  expect(document.body.textContent).not.toContain('own word')
  expect(document.querySelector('time')?.textContent).toMatch(/\b[4-8] s\b/)
  expect(stale.elements()).toEqual([])
})

test('a state older than ninety seconds is marked', async () => {
  await expect.element(await show(95_000)).toBeVisible()
})

test('a state whose agent is offline is marked, however young', async () => {
  await expect.element(await show(1_000, 'OFFLINE')).toBeVisible()
})

test('a device that was never heard of says so', async () => {
  await render(LiveState, { known: { state: null, at: null }, agent: undefined })
  await expect.element(page.getByText(m.device_unheard())).toBeVisible()
})

test('a code is said in words, the device’s own word as it is', async () => {
  const said = async (detail: string) => {
    const known: KnownState = { state: { status: 'online', detail }, at: new Date().toISOString() }
    await render(LiveState, { known, agent: undefined })
    return document.body.textContent
  }
  expect(await said('own word')).toContain('own word')
  await cleanup()
  const text = await said('CAMERA_SIGN_IN')
  expect(text).toContain(errorText('CAMERA_SIGN_IN', getLocale()))
  expect(text).not.toContain('CAMERA_SIGN_IN')
})
