import type { RetentionShown } from '@travessia/schemas/retention'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import HoldList from './hold-list.svelte'

const answers: Record<string, unknown> = {
  '/api/installations': { items: [{ id: 'i', name: 'Matriz' }] },
  '/api/installations/i/devices': { items: [{ id: 'd', name: 'Catraca' }] },
  '/api/users': { items: [{ id: 'u', name: 'Ana' }] },
}
let asked: Array<[string, unknown]> = []
let refusal: Response | undefined

beforeEach(() => {
  asked = []
  refusal = undefined
  vi.stubGlobal('fetch', async (path: string, { body, method }: RequestInit) => {
    if (method === 'GET') return Response.json(answers[path])
    asked.push([`${method} ${path}`, body === null ? undefined : JSON.parse(String(body))])
    if (refusal) return refusal
    return method === 'DELETE' ? new Response(null, { status: 204 }) : Response.json({})
  })
})
afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

const holds: RetentionShown['holds'] = [
  { holdId: 'h1', scope: 'device', id: 'd', reason: 'processo 1' },
  { holdId: 'h2', scope: 'user', id: 'gone', reason: 'processo 2' },
  { holdId: 'h3', scope: 'all', reason: 'processo 3' },
]
async function show() {
  const onchange = vi.fn()
  await render(HoldList, { holds, onchange })
  return onchange
}
const button = (name: string) => page.getByRole('button', { name, exact: true })

test('each hold says what it keeps, by name where there is one, and why', async () => {
  await show()
  await expect.element(page.getByText('Catraca, Matriz')).toBeVisible()
  for (const text of ['gone', m.hold_all(), /processo 1/, /processo 2/, /processo 3/])
    await expect.element(page.getByText(text).first()).toBeVisible()
})

test('a new one wants a subject and a reason, and a refusal stays in the form', async () => {
  const onchange = await show()
  await button(m.hold_new()).click()
  const sheet = page.getByRole('dialog', { name: m.hold_new() })
  await sheet.getByRole('button', { name: m.hold_place(), exact: true }).click()
  expect(asked).toEqual([])
  await sheet.getByRole('combobox', { name: m.hold_scope() }).selectOptions(m.hold_scope_user())
  await sheet.getByRole('combobox', { name: m.hold_which() }).selectOptions('Ana')
  await sheet.getByLabelText(m.hold_reason()).fill('processo 4')
  refusal = Response.json({ code: 'NOT_FOUND', title: 'não há', status: 404 }, { status: 404 })
  await sheet.getByRole('button', { name: m.hold_place(), exact: true }).click()
  await expect.element(sheet.getByText('não há')).toBeVisible()
  expect(onchange).not.toHaveBeenCalled()
  refusal = undefined
  await sheet.getByRole('button', { name: m.hold_place(), exact: true }).click()
  await expect.poll(() => onchange.mock.calls.length).toBe(1)
  expect(asked.at(-1)).toEqual([
    'POST /api/audit/holds',
    { scope: 'user', id: 'u', reason: 'processo 4' },
  ])
})

test('lifting asks first, and says of what', async () => {
  const onchange = await show()
  await button(m.hold_lift_of({ name: m.hold_all() })).click()
  const sheet = page.getByRole('dialog', { name: m.hold_lift_title() })
  await expect.element(sheet.getByText(new RegExp(m.hold_all()))).toBeVisible()
  expect(asked).toEqual([])
  await sheet.getByRole('button', { name: m.hold_lift(), exact: true }).click()
  await expect.poll(() => onchange.mock.calls.length).toBe(1)
  expect(asked).toEqual([['DELETE /api/audit/holds/h3', undefined]])
})

test('without any that is said, and after the last one is lifted the focus is on what is around', async () => {
  const around = Object.assign(document.createElement('main'), { tabIndex: -1 })
  document.body.append(around)
  const { rerender } = await render(
    HoldList,
    { holds: holds.slice(0, 1), onchange: () => rerender({ holds: [] }) },
    { baseElement: around },
  )
  await expect.element(page.getByText('Catraca, Matriz')).toBeVisible()
  expect(page.getByText(m.holds_none()).elements()).toEqual([])
  await button(m.hold_lift_of({ name: 'Catraca, Matriz' })).click()
  const sheet = page.getByRole('dialog', { name: m.hold_lift_title() })
  await sheet.getByRole('button', { name: m.hold_lift(), exact: true }).click()
  await expect.element(page.getByText(m.holds_none())).toBeVisible()
  await expect.poll(() => document.activeElement).toBe(around)
  around.remove()
})
