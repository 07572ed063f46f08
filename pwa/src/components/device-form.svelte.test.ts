import type { DeviceBody } from '@travessia/schemas/api'
import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import DeviceForm from './device-form.svelte'

afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

async function show(answer = () => Response.json({}, { status: 201 })) {
  const sent: DeviceBody[] = []
  vi.stubGlobal('fetch', async (_path: string, { body }: RequestInit) => {
    sent.push(JSON.parse(String(body)))
    return answer()
  })
  await render(DeviceForm, { installationId: 'i', onsaved: () => undefined })
  await userEvent.fill(page.getByLabelText(m.name()), 'Prusa')
  await userEvent.selectOptions(page.getByRole('combobox').nth(0), 'printer')
  return sent
}

const save = () => page.getByRole('button', { name: m.save() }).click()

test('a printer starts as OctoPrint, with its API key as password and no login to fill in', async () => {
  const sent = await show()
  expect(page.getByLabelText(m.device_login()).elements()).toEqual([])
  await userEvent.fill(page.getByLabelText(m.device_address()), 'http://192.168.1.60')
  await userEvent.fill(page.getByLabelText(m.device_key()), 'segredo')
  expect(page.getByLabelText(m.device_key()).element()).toHaveAttribute('type', 'password')
  await save()
  await expect
    .poll(() => sent)
    .toMatchObject([{ driver: 'octoprint', credentials: { login: 'api', password: 'segredo' } }])
})

test('a printer on a serial port shows how its address looks, and always goes through the agent', async () => {
  const sent = await show()
  await userEvent.selectOptions(page.getByRole('combobox').nth(1), 'marlin')
  await expect.element(page.getByText('serial:///dev/serial/by-id/…?baud=115200')).toBeVisible()
  const port = 'serial:///dev/serial/by-id/usb-1a86-if00?baud=115200'
  await userEvent.fill(page.getByLabelText(m.device_port()), port)
  await save()
  await expect.poll(() => sent).toHaveLength(1)
  expect(sent[0]).toMatchObject({ driver: 'marlin', baseUrl: port, viaAgent: true })
  expect(sent[0]).not.toHaveProperty('credentials')
})

test('what is recorded of a page is chosen in plain words, and nothing but heads unless somebody chose more', async () => {
  const sent = await show()
  await userEvent.fill(page.getByLabelText(m.device_address()), 'http://192.168.1.60')
  await expect.element(page.getByText(m.capture_heads_hint())).toBeVisible()
  await save()
  await expect.poll(() => sent).toMatchObject([{ capture: 'heads' }])
  const choice = page.getByRole('combobox', { name: m.capture_title() })
  await choice.selectOptions(m.capture_bodies())
  await expect.element(page.getByText(m.capture_bodies_hint())).toBeVisible()
  await save()
  await expect.poll(() => sent.at(1)).toMatchObject({ capture: 'bodies' })
})

test('back from a serial port to a page, the address is one of the network again', async () => {
  await show()
  await userEvent.selectOptions(page.getByRole('combobox').nth(1), 'marlin')
  await userEvent.selectOptions(page.getByRole('combobox').nth(1), 'http')
  expect(page.getByLabelText(m.device_address()).element()).toHaveValue('http://')
})

test('a page may be given buttons; an empty body is none, and what switches something is the default', async () => {
  const sent = await show()
  await userEvent.selectOptions(page.getByRole('combobox').nth(0), 'http')
  await userEvent.fill(page.getByLabelText(m.device_address()), 'http://192.168.1.70')
  await page.getByRole('button', { name: m.button_add() }).click()
  await userEvent.fill(page.getByLabelText(m.button_name()), 'Ligar bomba')
  await userEvent.fill(page.getByLabelText(m.request_path()), '/pump?on=1')
  const content = page.getByRole('textbox', { name: `${m.request_body()} (${m.optional()})` })
  await userEvent.fill(content, '{}')
  const type = page.getByRole('combobox', { name: m.request_type() })
  await expect.element(type).toHaveValue('application/json')
  await userEvent.clear(content)
  await page.getByRole('button', { name: m.button_add() }).click()
  const removals = page.getByRole('button', { name: /^(Remove|Remover)/ })
  await removals.nth(1).click()
  await save()
  await expect.poll(() => sent).toHaveLength(1)
  const pump = { name: 'Ligar bomba', method: 'POST', path: '/pump?on=1', safety: 'physical' }
  expect(sent[0]?.buttons).toEqual([pump])
})

test('only a page that is reached through the agent has buttons', async () => {
  const sent = await show()
  await userEvent.selectOptions(page.getByRole('combobox').nth(0), 'http')
  await userEvent.fill(page.getByLabelText(m.device_address()), 'http://192.168.1.70')
  await page.getByRole('button', { name: m.button_add() }).click()
  await page.getByRole('checkbox', { name: m.device_via_agent() }).click()
  expect(page.getByRole('button', { name: m.button_add() }).elements()).toEqual([])
  await save()
  await expect.poll(() => sent).toHaveLength(1)
  expect(sent[0]?.buttons).toEqual([])
})

test('a tap on what the agent found fills the form and registers nothing; what is registered cannot be tapped', async () => {
  const sent = await show()
  const found = { name: 'Prusa', kind: 'printer', driver: 'octoprint', via: 'mdns', deviceId: null }
  const known = { ...found, name: 'Velha', baseUrl: 'http://10.0.0.2', deviceId: 'd' }
  const items = [{ ...found, baseUrl: 'http://10.0.0.1:5000' }, known]
  const asked: string[] = []
  vi.stubGlobal('fetch', async (path: string, { method }: RequestInit) => {
    asked.push(`${method} ${path}`)
    return Response.json({ items })
  })
  await page.getByRole('button', { name: m.found_search() }).click()
  await expect.element(page.getByRole('button', { name: /Velha/ })).toBeDisabled()
  await expect.element(page.getByText(new RegExp(m.found_known()))).toBeVisible()
  await page.getByRole('button', { name: /10\.0\.0\.1/ }).click()
  expect(page.getByLabelText(m.name()).element()).toHaveValue('Prusa')
  expect(page.getByLabelText(m.device_address()).element()).toHaveValue('http://10.0.0.1:5000')
  expect(page.getByRole('combobox').nth(1).element()).toHaveValue('octoprint')
  expect(asked).toEqual(['POST /api/installations/i/discoveries'])
  expect(sent).toEqual([])
})

test('nobody answered, and why nothing was asked, is said', async () => {
  await show()
  const search = page.getByRole('button', { name: m.found_search() })
  vi.stubGlobal('fetch', async () => Response.json({ items: [] }))
  await search.click()
  await expect.element(page.getByText(m.found_none())).toBeVisible()
  const problem = { title: 'Pausado no local', status: 503, code: 'AGENT_PAUSED' }
  vi.stubGlobal('fetch', async () => Response.json(problem, { status: 503 }))
  await search.click()
  await expect.element(page.getByText('Pausado no local')).toBeVisible()
})

test('the agent may sign in to the page once there are credentials, and only through the agent', async () => {
  const sent = await show()
  const choice = () => page.getByLabelText(m.device_sign_in())
  expect(choice().elements()).toEqual([])
  await userEvent.fill(page.getByLabelText(m.device_address()), 'http://192.168.1.60')
  await userEvent.fill(page.getByLabelText(m.device_key()), 'segredo')
  expect(choice().element()).not.toBeChecked()
  await choice().click()
  await page.getByLabelText(m.device_via_agent()).click()
  expect(choice().elements()).toEqual([])
  await page.getByLabelText(m.device_via_agent()).click()
  await save()
  await expect.poll(() => sent).toMatchObject([{ signIn: 'agent', viaAgent: true }])
})

test('an address without http:// is taken as people say it, also when Enter saves at once', async () => {
  const sent = await show()
  await userEvent.fill(page.getByLabelText(m.device_address()), '')
  await userEvent.type(page.getByLabelText(m.device_address()), '192.168.1.60{Enter}')
  await expect.poll(() => sent).toMatchObject([{ baseUrl: 'http://192.168.1.60' }])
})

test('what the server does not take is named as the field is', async () => {
  const problem = { status: 400, code: 'MESSAGE_INVALID', title: 'Não.', at: '/baseUrl' }
  await show(() => Response.json(problem, { status: 400 }))
  await userEvent.fill(page.getByLabelText(m.device_address()), 'http://169.254.169.254')
  await save()
  const named = page.getByText(m.error_field({ field: m.device_address() }))
  await expect.element(named).toBeVisible()
})
