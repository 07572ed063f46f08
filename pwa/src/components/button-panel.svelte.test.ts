import type { Device } from '@travessia/schemas/api'
import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { DeviceCommands } from '../state/device-commands.svelte.ts'
import ButtonPanel from './button-panel.svelte'

const device = {
  ...{ id: 'a'.repeat(26), name: 'Bomba 1' },
  buttons: [
    { name: 'Ligar bomba', method: 'POST', path: '/on' },
    { name: 'Acender luz', method: 'POST', path: '/light', safety: 'reversible' },
  ],
} as unknown as Device

afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

async function show(obstacle?: string) {
  const sent: unknown[] = []
  vi.stubGlobal('fetch', async (_path: string, { method, body }: RequestInit) => {
    const headers = { 'x-travessia-now': String(Date.now()) }
    if (method === 'GET') return Response.json({ items: [] }, { headers })
    sent.push(JSON.parse(String(body)))
    return Response.json({ commandId: 'c', expiresAt: '' }, { status: 202, headers })
  })
  const commands = new DeviceCommands(device.id)
  await render(ButtonPanel, { control: { device, place: 'Matriz', obstacle, commands } })
  return sent
}
const button = (name: string) => page.getByRole('button', { name })

test('what moves something wants to be held: a tap sends nothing, the two steps send it once', async () => {
  const sent = await show()
  await button('Ligar bomba').click()
  expect(sent).toEqual([])
  button('Ligar bomba').element().focus()
  await userEvent.keyboard('{Enter}')
  await button(m.gate_confirm()).click({ trial: true })
  await userEvent.keyboard('{Enter}')
  await expect
    .poll(() => sent)
    .toEqual([{ command: 'PressButton', args: { button: 'Ligar bomba' } }])
})

test('what can be undone is one tap', async () => {
  const sent = await show()
  await button('Acender luz').click()
  await expect
    .poll(() => sent)
    .toEqual([{ command: 'PressButton', args: { button: 'Acender luz' } }])
})

test('with an obstacle neither can be pressed', async () => {
  await show('offline')
  await expect.element(button('Ligar bomba')).toBeDisabled()
  await expect.element(button('Acender luz')).toBeDisabled()
})
