import type { User } from '@travessia/schemas/api'
import type { Feed } from '@travessia/schemas/feeds'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { account } from '../state/account.svelte.ts'
import { toasts } from '../state/toasts.svelte.ts'
import Feeds from './feeds.svelte'

const feed: Feed = {
  ...{ id: 'f', name: 'Central', kind: 'webhook', host: 'siem.example', isEnabled: true },
  ...{ position: 5, deliveredAt: null, failingSince: null, lastError: null },
}
const failing = { lastError: 'FEED_REFUSED', failingSince: '2026-11-29T00:00:00.000Z' }
let items: Feed[]
let asked: Array<[string, unknown]> = []

beforeEach(() => {
  items = [feed]
  asked = []
  account.user = { role: 'admin', installationIds: null } as User
  vi.stubGlobal('fetch', async (path: string, { body, method }: RequestInit) => {
    if (method === 'GET') return Response.json({ items })
    asked.push([`${method} ${path}`, body === null ? undefined : JSON.parse(String(body))])
    if (path.endsWith('/test')) return Response.json({ position: 9 }, { status: 202 })
    if (method === 'POST') return Response.json({ ...feed, secret: 'whsec_abc' }, { status: 201 })
    return method === 'DELETE' ? new Response(null, { status: 204 }) : Response.json(feed)
  })
})
afterEach(() => {
  account.user = undefined
  vi.unstubAllGlobals()
  return cleanup()
})
const button = (name: string) => page.getByRole('button', { name, exact: true })
const said = () => toasts.items.at(-1)?.text

test.each([
  ['manager', null],
  ['auditor', null],
  ['admin', ['one']],
] as const)('%j of %j sees nothing of it, and nothing is asked', async (role, installationIds) => {
  const fetched = vi.fn()
  vi.stubGlobal('fetch', fetched)
  account.user = { role, installationIds } as unknown as User
  await render(Feeds)
  await expect.element(page.getByText(m.admin_not_allowed())).toBeVisible()
  expect(fetched).not.toHaveBeenCalled()
})

test('a feed that fails says why and since when, one that is suspended that nothing is lost', async () => {
  items = [
    { ...feed, ...failing },
    { ...feed, id: 'g', isEnabled: false },
  ]
  await render(Feeds)
  await expect.element(page.getByText(m.feed_error_refused())).toBeVisible()
  await expect.element(page.getByText('FEED_REFUSED')).toBeVisible()
  await expect.element(page.getByText(m.feed_suspended())).toBeVisible()
  await expect.element(button(m.feed_test()).nth(1)).toBeDisabled()
})

test('a new webhook shows its secret once', async () => {
  items = []
  await render(Feeds)
  await button(m.feed_new()).click()
  await page.getByLabelText(m.name()).fill('Central')
  await page.getByLabelText(m.feed_address()).fill(' https://siem.example/in ')
  await button(m.feed_add()).click()
  await expect.element(page.getByText('whsec_abc')).toBeVisible()
  expect(asked).toEqual([
    ['POST /api/audit/feeds', { name: 'Central', url: 'https://siem.example/in' }],
  ])
  await button(m.feed_secret_kept()).click()
  await expect.element(page.getByText('whsec_abc')).not.toBeInTheDocument()
})

test('a file wants no address', async () => {
  await render(Feeds)
  await button(m.feed_new()).click()
  await page.getByText(m.feed_file(), { exact: true }).click()
  await expect.element(page.getByLabelText(m.feed_address())).not.toBeInTheDocument()
  await page.getByLabelText(m.name()).fill('Disco')
  await button(m.feed_add()).click()
  await expect
    .poll(() => asked)
    .toEqual([['POST /api/audit/feeds', { name: 'Disco', url: 'file:' }]])
})

test('a test says that it arrived when the feed has come to it, or why not', async () => {
  await render(Feeds)
  await button(m.feed_test()).click()
  await expect.poll(() => asked).toEqual([['POST /api/audit/feeds/f/test', undefined]])
  expect(said()).not.toBe(m.feed_test_taken())
  items = [{ ...feed, position: 9 }]
  await expect.poll(said).toBe(m.feed_test_taken())
  await expect.element(button(m.feed_test())).toBeEnabled()
  items = [{ ...feed, ...failing }]
  await button(m.feed_test()).click()
  await expect.poll(said).toBe(m.feed_error_refused())
})

test('while a feed is tested it says so, the others can be used, and who has left asks no more', async () => {
  items = [feed, { ...feed, id: 'g', name: 'Disco' }]
  const { unmount } = await render(Feeds)
  await button(m.feed_test()).first().click()
  await expect.element(button(m.feed_testing())).toBeDisabled()
  await expect.element(button(m.feed_test())).toBeEnabled()
  const get = vi.fn(() => Response.json({ items }))
  vi.stubGlobal('fetch', get)
  await unmount()
  await new Promise((done) => setTimeout(done, 1_500))
  expect(get).not.toHaveBeenCalled()
})

test('removing asks first; suspending does not', async () => {
  await render(Feeds)
  await button(m.feed_suspend()).click()
  await expect.poll(() => asked).toEqual([['PATCH /api/audit/feeds/f', { isEnabled: false }]])
  await button(m.remove()).first().click()
  const sheet = page.getByRole('dialog', { name: m.feed_remove_title() })
  await expect.element(sheet.getByText(/Central/)).toBeVisible()
  expect(asked).toHaveLength(1)
  await sheet.getByRole('button', { name: m.remove() }).click()
  await expect.poll(() => asked.at(-1)?.[0]).toBe('DELETE /api/audit/feeds/f')
})
