import type { Gaps, Integrity } from '@travessia/schemas/integrity'
import { afterEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import IntegrityBadge from './integrity-badge.svelte'

afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

const intact: Integrity = {
  ...{ status: 'intact', size: 1235, signedAt: '2026-11-24T12:00:00.000Z' },
  ...{ gaps: 0, hasMoreGaps: false, witnesses: { agents: 2, size: 1231 } },
}

async function show(
  change: Partial<Integrity> = {},
  props: { lastIndex?: number; gaps?: Gaps } = {},
) {
  vi.stubGlobal('fetch', async () => Response.json({ ...intact, ...change }))
  await render(IntegrityBadge, props)
}
const toneOf = () => document.querySelector('details')?.className

test.each([
  [{}, /#1234, 0 /, 'good'],
  [{ gaps: 1 }, new RegExp(`#1234, ${m.integrity_gap()}`), 'warn'],
  [{ gaps: 200, hasMoreGaps: true }, /200\+/, 'warn'],
  [{ status: 'damaged' }, m.integrity_damaged(), 'bad'],
  [{ status: 'damaged', damagedAt: 7 }, m.integrity_damaged_at({ index: 7 }), 'bad'],
  [{ status: 'unsigned', size: 0 }, m.integrity_unsigned(), 'plain'],
] as const)('%j is said in words and in a colour', async (change, text, tone) => {
  await show(change)
  await expect.element(page.getByText(text).first()).toBeVisible()
  expect(toneOf()).toContain(tone)
})

test.each([
  [{ gaps: 0, hasMoreGaps: false }, m.integrity_own_gaps({ count: 0 }), 'good'],
  [{ gaps: 1, hasMoreGaps: false }, m.integrity_own_gap(), 'warn'],
  [{ gaps: 200, hasMoreGaps: true }, m.integrity_own_gaps({ count: '200+' }), 'warn'],
])('of a session its own gaps are told, not those of others: %j', async (gaps, text, tone) => {
  await show({ gaps: 3 }, { gaps })
  await expect
    .element(page.getByText(new RegExp(`#1234, ${text.replace('+', '\\+')}`)).first())
    .toBeVisible()
  expect(toneOf()).toContain(tone)
})

test.each([
  [{ agents: 0, size: 0 }, m.integrity_witness_none()],
  [{ agents: 1, size: 8 }, m.integrity_witness({ index: 7 })],
  [{ agents: 2, size: 1231 }, m.integrity_witnesses({ count: 2, index: 1230 })],
])('%j: how many agents confirm the log, and up to where', async (witnesses, text) => {
  await show({ witnesses })
  await expect.element(page.getByText(text)).toBeVisible()
})

test('nobody is said to confirm what is damaged', async () => {
  await show({ status: 'damaged' })
  await expect.element(page.getByText(m.integrity_damaged())).toBeVisible()
  expect(document.body.textContent).not.toContain(m.integrity_witnesses({ count: 2, index: 1230 }))
})

test('it says whose word it is, and leads to the evidence', async () => {
  await show({}, { lastIndex: 1234 })
  await page.getByText(/#1234/).click()
  await expect.element(page.getByText(m.integrity_own_word())).toBeVisible()
  await expect.element(page.getByText(m.integrity_covers())).toBeVisible()
  const link = page.getByRole('link', { name: m.integrity_bundle() }).element()
  expect(link.getAttribute('href')).toBe('/api/audit/export?format=bundle')
})

test('events that are not signed yet are not said to be included', async () => {
  await show({}, { lastIndex: 1235 })
  await page.getByText(/#1234/).click()
  await expect.element(page.getByText(m.integrity_own_word())).toBeVisible()
  expect(document.body.textContent).not.toContain(m.integrity_covers())
})

test('a check that could not be made is no good news', async () => {
  vi.stubGlobal('fetch', async () =>
    Response.json({ code: 'STORE_UNAVAILABLE', title: '' }, { status: 503 }),
  )
  await render(IntegrityBadge, {})
  await expect.element(page.getByText(m.integrity_unknown())).toBeVisible()
  expect(toneOf()).toContain('plain')
})
