import type { Device } from '@travessia/schemas/api'
import { commandCatalog } from '@travessia/schemas/commands'
import type { DeviceState } from '@travessia/schemas/device-state'
import { driverCommands } from '@travessia/schemas/devices'
import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { DeviceCommands } from '../state/device-commands.svelte.ts'
import { serverTime } from '../state/server-time.ts'
import { heatText } from '../text.ts'
import PrinterPanel from './printer-panel.svelte'

/** As the API lists them. */
const commands = driverCommands.octoprint.map((name) => ({
  ...{ name, safety: commandCatalog[name].safety, expiresInMs: 1 },
  args: JSON.parse(JSON.stringify(commandCatalog[name].args)) as Record<string, unknown>,
}))
const device: Device = { id: 'a'.repeat(26), name: 'Prusa', commands } as unknown as Device

serverTime.heard(Date.now())

afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

const job = { file: 'suporte.gcode', progress: 42.9, secondsLeft: 4_320, layer: 12, layers: 90 }
const printing: DeviceState = {
  ...{ status: 'printing', job, files: ['cubo.gcode'] },
  temperatures: [
    { sensor: 'nozzle', actual: 203.4, target: 210 },
    { sensor: 'bed', actual: 24, target: null },
  ],
}

async function show(state: DeviceState | undefined, changes: Partial<Device> = {}) {
  const sent: unknown[] = []
  vi.stubGlobal('fetch', async (_path: string, { method, body }: RequestInit) => {
    if (method === 'GET') return Response.json({ items: [] })
    sent.push(JSON.parse(String(body)))
    return Response.json({ commandId: 'c', expiresAt: '' }, { status: 202 })
  })
  const control = {
    ...{ device: { ...device, ...changes }, place: 'Matriz', obstacle: undefined },
    commands: new DeviceCommands(device.id),
  }
  const nozzle: Array<[number, number]> = [
    [0, 20],
    [10_000, 203.4],
  ]
  await render(PrinterPanel, { control, state, series: { nozzle } })
  return sent
}

const names = () =>
  page
    .getByRole('button')
    .elements()
    .filter(({ tagName }) => tagName === 'BUTTON')
    .map((one) => one.textContent?.trim())

test('a print under way shows file, progress, layer, time left and heat', async () => {
  await show(printing)
  await expect.element(page.getByText('suporte.gcode')).toBeVisible()
  expect(page.getByRole('progressbar').element().getAttribute('value')).toBe('42')
  await expect.element(page.getByText('12 / 90')).toBeVisible()
  await expect.element(page.getByText('1 h 12 min')).toBeVisible()
  await expect.element(page.getByText('203 °C', { exact: true })).toBeVisible()
  await expect
    .element(page.getByText(m.temperature_target({ target: heatText(210) })))
    .toBeVisible()
})

test('the chart says in words what its line shows', async () => {
  await show(printing)
  const range = m.chart_range({ min: '20 °C', max: '203 °C' })
  const chart = page.getByRole('img', { name: `${m.sensor_nozzle()}: ${range}` })
  await expect.element(chart).toBeVisible()
})

test('while printing: pause, cancel, the emergency stop and heat; nothing can be started', async () => {
  await show(printing)
  const set = m.temperature_set()
  expect(names()).toEqual([m.print_pause(), m.print_cancel(), m.print_emergency(), set, set])
})

test('while paused it can be resumed, not paused again', async () => {
  await show({ ...printing, status: 'paused' })
  expect(names()).toContain(m.print_resume())
  expect(names()).not.toContain(m.print_pause())
})

test('a ready printer offers its files', async () => {
  const sent = await show({ status: 'idle', files: ['cubo.gcode', 'vaso.gcode'] })
  await page.getByRole('button', { name: `${m.print_start()} vaso.gcode` }).click()
  const dialog = page.getByRole('dialog')
  const effect = m.print_start_effect({ file: 'vaso.gcode' })
  await expect.element(dialog.getByText(effect)).toBeVisible()
  await dialog.getByRole('button', { name: m.print_start(), exact: true }).click()
  await expect.poll(() => sent).toEqual([{ command: 'StartPrint', args: { file: 'vaso.gcode' } }])
})

test('a printer of which nothing is known can only be stopped', async () => {
  await show(undefined)
  expect(names()).toEqual([m.print_emergency()])
})

test('who only reads sees the job and no button', async () => {
  await show(printing, { commands: [] })
  await expect.element(page.getByText('suporte.gcode')).toBeVisible()
  expect(names()).toEqual([])
})

test('a heater is set within what the printer allows', async () => {
  const sent = await show(printing)
  await page.getByRole('button', { name: `${m.temperature_title()} ${m.sensor_bed()}` }).click()
  const dialog = page.getByRole('dialog')
  const wanted = dialog.getByLabelText(m.temperature_wanted({ highest: 120 }))
  await userEvent.fill(wanted, '121')
  await expect.element(dialog.getByRole('button', { name: m.temperature_title() })).toBeDisabled()
  await userEvent.fill(wanted, '60')
  await dialog.getByRole('button', { name: m.temperature_title() }).click()
  const args = { heater: 'bed', target: 60 }
  await expect.poll(() => sent).toEqual([{ command: 'SetTemperature', args }])
})
