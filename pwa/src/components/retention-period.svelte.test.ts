import type { Due, RetentionShown } from '@travessia/schemas/retention'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { toasts } from '../state/toasts.svelte.ts'
import '../tokens.css'
import '../parts.css'
import RetentionPeriod from './retention-period.svelte'

const due: Due = {
  ...{ until: '2026-06-01T00:00:00.000Z', events: 1234, held: 56, behind: null, ranges: [] },
  kinds: { session: 1200, camera: 34 },
}
let asked: Array<[string, unknown]> = []
let counted: Due

beforeEach(() => {
  asked = []
  counted = due
  vi.stubGlobal('fetch', async (path: string, { body, method }: RequestInit) => {
    asked.push([`${method} ${path}`, body === null ? undefined : JSON.parse(String(body))])
    if (path.endsWith('dry-run')) return Response.json(counted)
    if (path.endsWith('apply'))
      return Response.json({ events: counted.events, behind: counted.behind?.events ?? 0 })
    return Response.json({ days: 180, holds: [] })
  })
})
afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

async function show(retention: RetentionShown) {
  const onchange = vi.fn()
  const { rerender } = await render(RetentionPeriod, { retention, onchange })
  return { onchange, rerender: (next: RetentionShown) => rerender({ retention: next, onchange }) }
}
const button = (name: string) => page.getByRole('button', { name, exact: true })

test('a chosen time is saved as days, and nothing is counted before it is', async () => {
  const { onchange } = await show({ days: 90, holds: [] })
  expect(button(m.retention_save()).elements()).toEqual([])
  await page
    .getByRole('combobox', { name: m.retention_keep() })
    .selectOptions(m.retention_days({ days: 180 }))
  await expect.element(button(m.retention_count())).not.toBeInTheDocument()
  await button(m.retention_save()).click()
  await expect.poll(() => asked).toEqual([['PATCH /api/audit/retention', { days: 180 }]])
  await expect.poll(() => onchange.mock.calls).toEqual([[{ days: 180, holds: [] }]])
})

test('the focus is on what is around the button that saved and went, and nothing is left free below', async () => {
  const around = Object.assign(document.createElement('main'), { tabIndex: -1 })
  document.body.append(around)
  const retention = { days: 90, holds: [] }
  const { rerender } = await render(
    RetentionPeriod,
    { retention, onchange: (next: RetentionShown) => rerender({ retention: next }) },
    { baseElement: around },
  )
  await page
    .getByRole('combobox', { name: m.retention_keep() })
    .selectOptions(m.retention_days({ days: 180 }))
  await button(m.retention_save()).click()
  await expect.element(button(m.retention_count())).toBeVisible()
  await expect.poll(() => document.activeElement).toBe(around)
  const card = document.querySelector('section.card') as HTMLElement
  const below = () =>
    card.getBoundingClientRect().bottom -
    button(m.retention_count()).element().getBoundingClientRect().bottom
  const edge = Number.parseFloat(getComputedStyle(card).paddingBottom)
  expect(below()).toBeLessThan(edge + 2)
  around.remove()
})

test('who keeps everything is offered nothing that goes', async () => {
  await show({ days: null, holds: [] })
  await expect.element(page.getByText(m.retention_all())).toBeInTheDocument()
  expect(button(m.retention_count()).elements()).toEqual([])
  expect(button(m.retention_apply()).elements()).toEqual([])
})

test('the numbers come first, then the question, then it is applied', async () => {
  await show({ days: 150, holds: [] })
  expect(button(m.retention_apply()).elements()).toEqual([])
  await button(m.retention_count()).click()
  await expect.element(page.getByText(m.retention_kind_camera())).toBeVisible()
  const facts = document.querySelector('dl')?.textContent ?? ''
  for (const number of ['1.200', '34', '1.234', '56'])
    expect(facts.replaceAll(',', '.')).toContain(number)
  await button(m.retention_apply()).click()
  const sheet = page.getByRole('dialog', { name: m.retention_apply_title() })
  await expect.element(sheet.getByText(/1.234/)).toBeVisible()
  expect(asked.map(([call]) => call)).toEqual(['POST /api/audit/retention/dry-run'])
  await sheet.getByRole('button', { name: m.retention_apply() }).click()
  await expect.poll(() => asked.at(-1)?.[0]).toBe('POST /api/audit/retention/apply')
  await expect.poll(() => document.querySelector('dl')).toBeNull()
})

test('what stays behind an event of a later time is said with its place, when it is counted and when it is applied', async () => {
  counted = { ...due, behind: { events: 99, logIndex: 7, at: '2035-01-10T00:00:00.000Z' } }
  await show({ days: 150, holds: [] })
  await button(m.retention_count()).click()
  await expect.element(page.getByText(/#7.*2035.*: 99\./)).toBeVisible()
  await button(m.retention_apply()).click()
  const sheet = page.getByRole('dialog', { name: m.retention_apply_title() })
  const said = vi.spyOn(toasts, 'show')
  await sheet.getByRole('button', { name: m.retention_apply() }).click()
  const stay = m.retention_stay({ count: 99 })
  await expect.poll(() => said.mock.lastCall?.[0]).toMatch(new RegExp(`1.234.* ${stay}$`))
})

test('where nothing is due nothing can be applied', async () => {
  counted = { ...due, events: 0, kinds: {} }
  await show({ days: 90, holds: [] })
  await button(m.retention_count()).click()
  await expect.element(page.getByText(m.retention_held())).toBeVisible()
  expect(button(m.retention_apply()).elements()).toEqual([])
})

test('numbers of before a hold are not applied', async () => {
  const { rerender } = await show({ days: 90, holds: [] })
  await button(m.retention_count()).click()
  await expect.element(button(m.retention_apply())).toBeVisible()
  await rerender({ days: 90, holds: [{ holdId: 'h', scope: 'all', reason: 'x' }] })
  await expect.element(button(m.retention_apply())).not.toBeInTheDocument()
})
