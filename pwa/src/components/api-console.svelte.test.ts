import type { ProxyAnswer } from '@travessia/schemas/api'
import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import ApiConsole from './api-console.svelte'

afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

type Reply = ProxyAnswer | { readonly code: string; readonly title: string }

async function show(...replies: Reply[]) {
  const sent: unknown[] = []
  vi.stubGlobal('fetch', async (path: string, { body }: RequestInit) => {
    sent.push([path, JSON.parse(String(body))])
    const reply = replies.shift() ?? { code: 'INTERNAL', title: '?' }
    return Response.json(reply, { status: 'code' in reply ? 504 : 200 })
  })
  await render(ApiConsole, { deviceId: 'd' })
  return sent
}
const answer = (statusCode: number, body: string, change: Partial<ProxyAnswer> = {}) =>
  ({ statusCode, headers: {}, body, bodyEncoding: 'utf8', ...change }) as const
const send = () => page.getByRole('button', { name: m.console_send() }).click()
const field = (text: string) => page.getByRole('textbox', { name: new RegExp(`^${text}`) })

test('a request goes out as it is written, and its answer shows status, headers and laid out JSON', async () => {
  const headers = { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'] }
  const sent = await show(answer(201, '{"on":true}', { headers }))
  await userEvent.selectOptions(page.getByRole('combobox'), 'PUT')
  await userEvent.fill(field(m.request_path()), '/relay?x=1')
  await userEvent.fill(field(m.console_headers()), 'X-Key: abc')
  await userEvent.fill(field(m.request_body()), 'on')
  await send()
  await expect.element(page.getByText('HTTP 201')).toBeVisible()
  const type = 'text/plain; charset=utf-8'
  const request = { method: 'PUT', path: '/relay?x=1', body: 'on' }
  expect(sent).toEqual([
    [
      '/api/devices/d/proxy-http',
      { ...request, headers: { 'X-Key': 'abc', 'content-type': type } },
    ],
  ])
  expect(document.querySelector('pre')?.textContent).toBe('{\n  "on": true\n}')
  await page.getByText(`${m.console_headers()} (2)`).click()
  await expect.element(page.getByText('b=2')).toBeVisible()
})

test('bytes are counted, not shown, and markup of a device stays text', async () => {
  await show(answer(200, btoa('12345'), { bodyEncoding: 'base64' }), answer(200, '<b id="x">x</b>'))
  await send()
  await expect.element(page.getByText(m.console_binary({ bytes: '5' }))).toBeVisible()
  await send()
  await expect.element(page.getByText('<b id="x">x</b>')).toBeVisible()
  expect(document.querySelector('#x')).toBeNull()
})

test('what was asked during the visit is listed newest first and can be looked at again', async () => {
  await show(answer(200, 'first'), answer(404, 'second'), {
    code: 'DEVICE_TIMEOUT',
    title: 'Demorou',
  })
  await send()
  await expect.element(page.getByText('first')).toBeVisible()
  await userEvent.fill(field(m.request_path()), '/b')
  await send()
  await expect.element(page.getByText('second')).toBeVisible()
  await send()
  await expect.element(page.getByText('Demorou')).toBeVisible()
  const items = page.getByRole('listitem')
  const texts = items.elements().map((item) => item.textContent?.replace(/\s+/g, ' ').trim())
  expect(texts).toEqual([
    expect.stringMatching(/^× GET \/b \d+ ms$/),
    expect.stringMatching(/^404 GET \/b \d+ ms$/),
    expect.stringMatching(/^200 GET \/ \d+ ms$/),
  ])
  await items.nth(2).getByRole('button').click()
  await expect.element(page.getByText('first')).toBeVisible()
})

test('a header line that is none is named, and nothing is sent', async () => {
  const sent = await show()
  await userEvent.fill(field(m.console_headers()), 'nonsense')
  await send()
  await expect.element(page.getByText(m.console_header_wrong({ line: 1 }))).toBeVisible()
  expect(sent).toEqual([])
})
