import type { CommandState, Device } from '@travessia/schemas/api'
import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { DeviceCommands } from '../state/device-commands.svelte.ts'
import { serverTime } from '../state/server-time.ts'
import CommandButton from './command-button.svelte'

const device = {
  ...{ id: 'a'.repeat(26), name: 'Prusa' },
  commands: [
    { name: 'PausePrint', safety: 'reversible', args: {}, expiresInMs: 1 },
    { name: 'CancelPrint', safety: 'physical', args: {}, expiresInMs: 1 },
    { name: 'RebootDevice', safety: 'dangerous', args: {}, expiresInMs: 1 },
  ],
} as unknown as Device

serverTime.heard(Date.now())

afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

type Name = 'PausePrint' | 'CancelPrint' | 'RebootDevice' | 'OpenGate'

/** `status` is what becomes of each command. */
async function show(command: Name, { status = 'succeeded', obstacle = '' } = {}) {
  const sent: unknown[] = []
  vi.stubGlobal('fetch', async (_path: string, { method, body }: RequestInit) => {
    if (method === 'GET') return Response.json({ items: [{ id: 'c', status, command }] })
    sent.push(JSON.parse(String(body)))
    return Response.json({ commandId: 'c', expiresAt: '' }, { status: 202 })
  })
  const commands = new DeviceCommands(device.id)
  const control = { device, place: 'Matriz', obstacle: obstacle || undefined, commands }
  await render(CommandButton, { control, command, effect: 'Tudo para.' })
  return { sent, commands }
}

const button = () => page.getByRole('button').first()

test('a command that the device does not list has no button', async () => {
  await show('OpenGate')
  expect(page.getByRole('button').elements()).toEqual([])
})

test('what can be taken back is sent by one tap', async () => {
  const { sent } = await show('PausePrint')
  await button().click()
  await expect.poll(() => sent).toEqual([{ command: 'PausePrint', args: {} }])
})

test('what moves something asks first, naming device, place and effect', async () => {
  const { sent } = await show('CancelPrint')
  await button().click()
  const dialog = page.getByRole('dialog')
  await expect.element(dialog.getByText('Prusa, Matriz')).toBeVisible()
  await expect.element(dialog.getByText('Tudo para.')).toBeVisible()
  expect(sent).toEqual([])
  await dialog.getByRole('button', { name: m.print_cancel() }).click()
  await expect.poll(() => sent).toEqual([{ command: 'CancelPrint', args: {} }])
})

test('what is dangerous goes only with the word typed, and says that it was confirmed', async () => {
  const { sent } = await show('RebootDevice')
  await button().click()
  const dialog = page.getByRole('dialog')
  const confirm = dialog.getByRole('button', { name: m.reboot() })
  await expect.element(confirm).toBeDisabled()
  await userEvent.fill(dialog.getByRole('textbox'), 'reinici')
  await userEvent.keyboard('{Enter}')
  expect(sent).toEqual([])
  await userEvent.fill(dialog.getByRole('textbox'), m.confirm_word().toUpperCase())
  await confirm.click()
  await expect.poll(() => sent).toEqual([{ command: 'RebootDevice', args: {}, confirm: true }])
})

test('after what was asked the focus is on its button, as soon as that can be used again', async () => {
  const { commands } = await show('CancelPrint', { status: 'running' })
  const opener = button().element()
  await button().click()
  await page.getByRole('dialog').getByRole('button', { name: m.print_cancel() }).click()
  await expect.poll(() => commands.issued?.status).toBe('running')
  await expect.poll(() => document.activeElement).toBe(document.body)
  commands.list.put({ items: [{ ...commands.issued, status: 'succeeded' } as CommandState] })
  await expect.poll(() => document.activeElement).toBe(opener)
})

test('with an obstacle nothing can be tapped', async () => {
  await show('PausePrint', { obstacle: 'pausado' })
  await expect.element(button()).toBeDisabled()
})

test('while a command is under way no other can be sent', async () => {
  const { sent, commands } = await show('PausePrint', { status: 'running' })
  await button().click()
  await expect.poll(() => commands.issued?.status).toBe('running')
  await expect.element(button()).toBeDisabled()
  expect(sent).toHaveLength(1)
})
