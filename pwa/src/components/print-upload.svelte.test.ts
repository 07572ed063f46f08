import type { CommandState, Device } from '@travessia/schemas/api'
import { commandCatalog } from '@travessia/schemas/commands'
import { driverCommands } from '@travessia/schemas/devices'
import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { DeviceCommands } from '../state/device-commands.svelte.ts'
import { serverTime } from '../state/server-time.ts'
import PrintUpload from './print-upload.svelte'

const commands = driverCommands.octoprint.map((name) => ({
  ...{ name, safety: commandCatalog[name].safety, expiresInMs: 1, args: {} },
}))
const device: Device = { id: 'a'.repeat(26), name: 'Prusa', commands } as unknown as Device

serverTime.heard(Date.now())

afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

/** The browser's own class, with a server that the test plays. */
class FakeRequest {
  static last: FakeRequest | undefined
  readonly upload: { onprogress?: (event: { loaded: number }) => void } = {}
  onload?: () => void
  onabort?: () => void
  onerror?: () => void
  path = ''
  isAborted = false
  status = 0
  response: unknown = null
  constructor() {
    FakeRequest.last = this
  }
  open(_method: string, path: string): void {
    this.path = path
  }
  setRequestHeader(): void {}
  send(): void {}
  abort(): void {
    this.isAborted = true
    this.onabort?.()
  }
  answer(status: number, response: unknown): void {
    Object.assign(this, { status, response })
    this.onload?.()
  }
}

async function show({ files = [] as string[], obstacle = undefined as string | undefined } = {}) {
  const sent: unknown[] = []
  const known: { items: Array<Partial<CommandState>> } = { items: [] }
  FakeRequest.last = undefined
  vi.stubGlobal('XMLHttpRequest', FakeRequest)
  vi.stubGlobal('fetch', async (_path: string, { method, body }: RequestInit) => {
    if (method === 'GET') return Response.json(known)
    sent.push(JSON.parse(String(body)))
    return Response.json({ commandId: 'c', expiresAt: '' }, { status: 202 })
  })
  const control = { device, place: 'Matriz', obstacle, commands: new DeviceCommands(device.id) }
  await render(PrintUpload, { control, files, canPrint: true })
  const becomes = async (state: Partial<CommandState>) => {
    known.items = [{ id: 'c', command: 'UploadFile', percent: null, file: null, ...state }]
    await control.commands.list.load()
  }
  return { sent, becomes }
}

async function choose(name: string, bytes = 3): Promise<void> {
  const input = page.getByLabelText(m.upload_choose())
  await userEvent.upload(input, new File([new Uint8Array(bytes)], name))
}
const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
const body = { name: 'nova.gcode', length: 4, sha256: '' }

test('a file goes to the server, then to the device, and is printed only by a press of its own', async () => {
  const { sent, becomes } = await show()
  await choose('nova.gcode', 4)
  expect(FakeRequest.last).toBeUndefined()
  await becomes({ status: 'running', percent: 40, body })
  await press(m.upload_send())
  const request = FakeRequest.last as FakeRequest | undefined
  expect(request?.path).toBe(`/api/devices/${device.id}/files?name=nova.gcode`)
  request?.upload.onprogress?.({ loaded: 1 })
  await expect.element(page.getByText(/25\s?%/)).toBeVisible()
  expect(sent).toEqual([])
  request?.answer(201, { id: 'f' })
  await expect.element(page.getByText(/40\s?%/)).toBeVisible()
  await expect.element(page.getByText(m.upload_to_device())).toBeVisible()
  expect(sent).toEqual([{ command: 'UploadFile', args: { file: 'f' } }])
  await becomes({ status: 'succeeded', confirmed: true, body, file: 'NOVA~1.GCO' })
  await press(m.upload_print_now())
  expect(sent).toHaveLength(1)
  await page.getByRole('dialog').getByRole('button', { name: m.print_start() }).click()
  await expect
    .poll(() => sent.at(-1))
    .toEqual({ command: 'StartPrint', args: { file: 'NOVA~1.GCO' } })
})

test('a transfer that is cancelled is cut, and no command is given', async () => {
  const { sent } = await show()
  await choose('nova.gcode')
  await press(m.upload_send())
  await press(m.cancel())
  expect(FakeRequest.last?.isAborted).toBe(true)
  await expect.element(page.getByLabelText(m.upload_choose())).toBeInTheDocument()
  expect(page.getByRole('alert').elements()).toEqual([])
  expect(sent).toEqual([])
})

test('while its command is being given a file can no longer be cancelled', async () => {
  await show()
  await choose('nova.gcode')
  await press(m.upload_send())
  const { promise, resolve } = Promise.withResolvers<Response>()
  vi.stubGlobal('fetch', () => promise)
  FakeRequest.last?.answer(201, { id: 'f' })
  const cancel = page.getByRole('button', { name: m.cancel(), exact: true })
  await expect.element(cancel).not.toBeInTheDocument()
  resolve(Response.json({ code: 'AGENT_OFFLINE', title: 'Fora.' }, { status: 409 }))
  await expect.element(page.getByRole('alert').getByText('Fora.')).toBeVisible()
  await expect.element(cancel).toBeVisible()
})

test('who leaves the page while a file is being sent has cancelled it', async () => {
  const { sent } = await show()
  await choose('nova.gcode')
  await press(m.upload_send())
  await cleanup()
  expect(FakeRequest.last?.isAborted).toBe(true)
  expect(sent).toEqual([])
})

test.each([
  ['foto.jpg', 3, m.upload_wrong_name],
  ['.gcode', 3, m.upload_wrong_name],
  ['vazio.gcode', 0, m.upload_empty],
])('%s of %i bytes is refused in words, and nothing is sent', async (name, bytes, text) => {
  await show()
  await choose(name, bytes)
  await expect.element(page.getByRole('alert')).toHaveTextContent(text())
  expect(page.getByRole('button', { name: m.upload_send() }).elements()).toEqual([])
})

test('what the server refuses is said in its words, and may be tried again', async () => {
  await show()
  await choose('nova.gcode')
  await press(m.upload_send())
  FakeRequest.last?.answer(409, { code: 'FILE_QUOTA', title: 'Cheio.', correlationId: 'x' })
  await expect.element(page.getByRole('alert').getByText('Cheio.')).toBeVisible()
  await expect.element(page.getByRole('button', { name: m.upload_send() })).toBeEnabled()
})

test('a file that did not arrive says why', async () => {
  const { becomes } = await show()
  await choose('nova.gcode')
  await becomes({ status: 'failed', errorCode: 'FILE_BROKEN', detail: 'cut', body })
  await press(m.upload_send())
  FakeRequest.last?.answer(201, { id: 'f' })
  await expect.element(page.getByText(new RegExp(m.command_failed_note()))).toBeVisible()
})

test('a file of the same name at the printer is announced as replaced', async () => {
  await show({ files: ['nova.gcode'] })
  await choose('nova.gcode')
  await expect.element(page.getByText(m.upload_replaces())).toBeVisible()
})

test('without a way to the device nothing can be chosen: nothing waits for later', async () => {
  await show({ obstacle: 'offline' })
  await expect.element(page.getByLabelText(m.upload_choose())).toBeDisabled()
})
