import type { Device } from '@travessia/schemas/api'
import type { TurnDirection } from '@travessia/schemas/passages'
import { afterEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { DeviceCommands } from '../state/device-commands.svelte.ts'
import TurnstilePanel from './turnstile-panel.svelte'

afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

test('passages that the server has yet to search for are found', async () => {
  const passage = { id: 'p', at: new Date().toISOString(), outcome: 'passed', deviceUserId: '77' }
  vi.stubGlobal('fetch', async (path: string) => {
    if (!path.includes('/passages')) return Response.json({ items: [] })
    return Response.json(
      path.includes('cursor=5') ? { items: [passage] } : { items: [], nextCursor: '5' },
    )
  })
  const device = { id: 'a'.repeat(26), name: 'Entrada' } as Device
  const control = { device, place: '', obstacle: '', commands: new DeviceCommands(device.id) }
  await render(TurnstilePanel, { control, state: undefined, series: {} } as never)
  await expect.element(page.getByText(m.passage(), { exact: true })).toBeVisible()
})

/** What is counted, by the words of the page. */
async function counted(entry?: TurnDirection): Promise<Record<string, string>> {
  vi.stubGlobal('fetch', async () => Response.json({ items: [] }))
  const device = { id: 'a'.repeat(26), name: 'Entrada' } as Device
  const control = { device, place: '', obstacle: '', commands: new DeviceCommands(device.id) }
  const state = { status: 'locked', turns: { left: 3, right: 7 }, ...(entry ? { entry } : {}) }
  await render(TurnstilePanel, { control, state, series: {} } as never)
  const terms = [...document.querySelectorAll('dt')]
  return Object.fromEntries(
    terms.map((term) => [term.textContent, term.nextElementSibling?.textContent ?? '']),
  )
}

test('a turnstile that says which rotation is its entry counts entries and exits', async () => {
  expect(await counted('clockwise')).toMatchObject({
    [m.turns_since({ way: m.passage_entry() })]: '7',
    [m.turns_since({ way: m.passage_exit() })]: '3',
  })
  await cleanup()
  expect(await counted('anticlockwise')).toMatchObject({
    [m.turns_since({ way: m.passage_entry() })]: '3',
    [m.turns_since({ way: m.passage_exit() })]: '7',
  })
})

test('one that does not say so counts rotations, by the words of its buttons', async () => {
  expect(await counted()).toMatchObject({
    [m.turns_since({ way: m.rotation_clockwise() })]: '7',
    [m.turns_since({ way: m.rotation_anticlockwise() })]: '3',
  })
})
