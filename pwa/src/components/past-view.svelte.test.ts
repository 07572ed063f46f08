import type { PastState } from '@travessia/schemas/past-state'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { getLocale } from '../paraglide/runtime.js'
import { dateTime } from '../time.ts'
import PastView from './past-view.svelte'

const at = '2026-11-24T12:00:00.000Z'
const since = '2026-11-24T11:00:00.000Z'
const device = { kind: 'turnstile', driver: 'control-id', baseUrl: 'http://10.0.0.9' } as const
const state: PastState = {
  position: 9,
  expiredUntil: null,
  installations: [
    { id: 'i1', name: 'Matriz', slug: 'matriz' },
    { id: 'i2', name: 'Filial', slug: 'filial' },
    { id: 'i3', name: 'Loja', slug: 'loja' },
  ],
  agents: [
    { id: 'a1', installationId: 'i1', name: 'Um', version: '1', isConnected: true, since },
    { id: 'a2', installationId: 'i2', name: 'Dois', version: '1', isConnected: false, since },
  ],
  devices: [
    { ...device, id: 'd1', installationId: 'i1', name: 'Catraca', status: 'locked' },
    { ...device, id: 'd2', installationId: 'i2', name: 'Cancela', status: 'online' },
  ],
  sessions: [
    {
      ...{ id: 's1', installationId: 'i1', deviceId: 'd1', userId: 'u1', userName: 'Ana' },
      ...{ reason: 'ver', openedAt: '2026-11-24T11:59:30.500Z', expiresAt: at },
    },
  ],
  members: [
    { userId: 'u1', userName: 'Zoe', role: 'admin', installationIds: null },
    { userId: 'u2', userName: 'apagado', role: 'operator', installationIds: ['i1', 'i3'] },
  ],
}
let answer: () => Response

beforeEach(() => {
  answer = () => Response.json(state)
  vi.stubGlobal('fetch', async () => answer())
})
const before = location.href
afterEach(() => {
  vi.unstubAllGlobals()
  history.replaceState(history.state, '', before)
  return cleanup()
})

const open = (search = `?at=${at}`) => {
  history.replaceState(history.state, '', location.pathname + search)
  return render(PastView)
}
const shown = (text: string) => expect.element(page.getByText(text, { exact: true })).toBeVisible()
const region = (name: string) => page.getByRole('region', { name })

test('agents, devices, sessions and members are those of then, with a head line that counts', async () => {
  await open()
  const said = `${m.past_agents({ online: 1, count: 2 })}, ${m.past_session()}`
  await expect.element(page.getByRole('status')).toHaveTextContent(said)
  const session = region(m.past_open()).getByRole('link')
  await expect.element(session).toHaveAttribute('href', '/auditoria/sessoes/s1?t=29.5')
  expect(session.element().textContent).toMatch(/Catraca.*Ana.*Matriz.*ver/s)
  const text = (name: string) => region(name).element().textContent
  expect(text('Matriz')).toContain(m.past_connected())
  expect(text('Matriz')).toContain(m.device_locked())
  expect(text('Matriz')).not.toContain(m.past_last_known())
  expect(text('Filial')).toContain(m.past_disconnected())
  expect(text('Filial')).toContain(m.past_last_known())
  expect(text('Loja')).toContain(m.status_none())
  const members = region(m.past_access()).getByRole('listitem').elements()
  expect(members.map(({ textContent }) => textContent)).toEqual([
    expect.stringMatching(/apagado.*Matriz, Loja/s),
    expect.stringContaining(m.past_everywhere()),
  ])
})

test('readers of some installations are shown no members', async () => {
  answer = () => Response.json({ ...state, members: [] })
  await open()
  await shown('Matriz')
  expect(document.body.textContent).not.toContain(m.past_access())
})

test.each([
  ['before sessions expired says that they may be missing', '2026-11-24T12:00:00.001Z', true],
  ['from then on does not', at, false],
])('an instant %s', async (_what, expiredUntil, isSaid) => {
  answer = () => Response.json({ ...state, expiredUntil })
  await open()
  await shown('Matriz')
  const notices = [...document.querySelectorAll('.notice.warn')]
  const text = m.past_expired({ time: dateTime(expiredUntil, getLocale()) })
  expect(notices.map(({ textContent }) => textContent?.trim())).toEqual(isSaid ? [text] : [])
})

test('before everything there was nothing, which is said', async () => {
  answer = () =>
    Response.json({
      ...{ position: 0, expiredUntil: null, installations: [], agents: [], devices: [] },
      ...{ sessions: [], members: [] },
    })
  await open()
  await shown(m.past_nothing())
})

test('a future instant is said to be one, and leads to now', async () => {
  await open('?at=2999-01-01T00:00:00Z')
  await shown(m.past_future())
  await page.getByRole('button', { name: m.past_now() }).click()
  await shown('Matriz')
})

test('without network or from a busy server comes what happened, and another try', async () => {
  answer = () => {
    throw new TypeError('no network')
  }
  await open()
  await shown(m.error_no_network())
  answer = () => Response.json({ code: 'NODE_BUSY', title: 'Ocupado' }, { status: 503 })
  await page.getByRole('button', { name: m.retry() }).click()
  await shown('Ocupado')
  answer = () => Response.json(state)
  await page.getByRole('button', { name: m.retry() }).click()
  await shown('Matriz')
})

test('steps, the slider and the input move the instant', async () => {
  await open()
  await shown('Matriz')
  const slider = page.getByLabelText(m.past_day()).element() as HTMLInputElement
  await page.getByRole('button', { name: m.past_minus_minute() }).click()
  await expect
    .poll(() => new URL(location.href).searchParams.get('at'))
    .toBe('2026-11-24T11:59:00.000Z')
  expect(slider.valueAsNumber).toBe(Date.parse(at) - 60_000)
  slider.focus()
  slider.valueAsNumber += 120_000
  slider.dispatchEvent(new Event('input', { bubbles: true }))
  await expect
    .poll(() => new URL(location.href).searchParams.get('at'))
    .toBe('2026-11-24T12:01:00.000Z')
  await page.getByLabelText(m.past_when(), { exact: true }).fill('2026-11-23T08:00:05')
  await shown('Matriz')
  expect(new URL(location.href).searchParams.get('at')).toBe(
    new Date('2026-11-23T08:00:05').toISOString(),
  )
})

test('no step goes past now', async () => {
  await open(`?at=${new Date(Date.now() - 30_000).toISOString()}`)
  for (const name of [m.past_plus_minute(), m.past_plus_hour()])
    await expect.element(page.getByRole('button', { name })).toBeDisabled()
  await expect.element(page.getByRole('button', { name: m.past_minus_hour() })).toBeEnabled()
})
