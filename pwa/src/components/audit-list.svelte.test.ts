import type { AuditEvent } from '@travessia/schemas/api'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import AuditList from './audit-list.svelte'

const event = (id: string) =>
  ({
    id,
    summary: `sentence ${id}`,
    type: 'UserSignedIn',
    at: '2026-11-24T12:00:00.000Z',
    data: {},
  }) as AuditEvent
let asked: string[] = []
let answer: (path: string) => Response | Promise<Response>

beforeEach(() => {
  asked = []
  answer = () => Response.json({ items: [] })
  vi.stubGlobal('fetch', async (path: string) => {
    if (path.startsWith('/api/audit/people'))
      return Response.json({ items: [{ id: 'u1', name: 'Ana' }] })
    if (path.startsWith('/api/installations')) return Response.json({ items: [] })
    asked.push(path)
    return answer(path)
  })
})
afterEach(() => {
  vi.unstubAllGlobals()
  history.replaceState(history.state, '', location.pathname)
  return cleanup()
})
const open = (search: string) => {
  history.replaceState(history.state, '', location.pathname + search)
  return render(AuditList)
}
const shown = (text: string) => expect.element(page.getByText(text)).toBeVisible()

test('an address with filters asks for just that, and pages follow by their cursor', async () => {
  answer = (path) =>
    Response.json(
      path.includes('cursor=9')
        ? { items: [event('b')] }
        : { items: [event('a')], nextCursor: '9' },
    )
  await open('?ver=eventos&tipo=access&pessoa=u1')
  await shown('sentence a')
  await page.getByRole('button', { name: m.audit_more() }).click()
  await shown('sentence b')
  await shown('sentence a')
  expect(asked).toEqual([
    '/api/audit/events?limit=50&kind=access&userId=u1',
    '/api/audit/events?limit=50&kind=access&userId=u1&cursor=9',
  ])
  expect(document.body.textContent).not.toContain(m.audit_more())
})

test('a page without items that is not the last one is followed by the next', async () => {
  answer = (path) => {
    if (path.includes('cursor=5')) return Response.json({ items: [event('b')] })
    if (path.includes('cursor=9')) return Response.json({ items: [], nextCursor: '5' })
    return Response.json({ items: [], nextCursor: '9' })
  }
  await open('?ver=eventos')
  await shown('sentence b')
  expect(asked).toHaveLength(3)
})

test('a search that breaks off goes on from where it was', async () => {
  const pages = [
    () => Response.json({ items: [], nextCursor: '9' }),
    () => Response.json({ code: 'STORE_UNAVAILABLE', title: 'Broken' }, { status: 503 }),
    () => Response.json({ items: [event('a')], nextCursor: '4' }),
    () => Response.json({ items: [event('b')] }),
  ]
  answer = () => pages[asked.length - 1]?.() ?? Response.json({ items: [] })
  await open('?ver=eventos')
  await shown('Broken')
  await page.getByRole('button', { name: m.retry() }).click()
  await shown('sentence a')
  await page.getByRole('button', { name: m.audit_more() }).click()
  await shown('sentence b')
  const cursors = asked.map((path) => new URLSearchParams(path.split('?')[1]).get('cursor'))
  expect(cursors).toEqual([null, '9', '9', '4'])
})

test('who leaves the page has ended the search', async () => {
  const { promise, resolve } = Promise.withResolvers<Response>()
  answer = () => promise
  await open('?ver=eventos')
  await expect.poll(() => asked.length).toBe(1)
  await cleanup()
  const json = vi.fn(async () => ({ items: [], nextCursor: '9' }))
  answer = () => Response.json({ items: [] })
  resolve(Object.assign(new Response(), { json }))
  await expect.poll(() => json.mock.calls.length).toBe(1)
  await new Promise((done) => setTimeout(done))
  expect(asked).toHaveLength(1)
})

test('a choice goes into the address, and what is downloaded is what is shown', async () => {
  await open('?ver=eventos')
  await page.getByText(m.filters(), { exact: true }).click()
  await page
    .getByRole('combobox', { name: new RegExp(`^${m.filter_person()}`) })
    .selectOptions('Ana')
  await shown(m.filters_nothing())
  expect(location.search).toBe('?ver=eventos&pessoa=u1')
  const link = page.getByRole('link', { name: /CSV/ }).element()
  expect(link.getAttribute('href')).toBe('/api/audit/export?format=csv&userId=u1')
  await page.getByRole('button', { name: m.filters_clear() }).first().click()
  await shown(m.audit_none())
  expect(location.search).toBe('?ver=eventos')
})

test('an answer to an earlier choice shows nothing', async () => {
  let late: (response: Response) => void = () => undefined
  answer = (path) =>
    path.includes('sessions')
      ? new Promise((resolve) => {
          late = resolve
        })
      : Response.json({ items: [event('a')] })
  await open('')
  await page.getByText(m.audit_events()).click()
  await shown('sentence a')
  late(Response.json({ code: 'STORE_UNAVAILABLE', title: 'too late' }, { status: 503 }))
  await new Promise((done) => setTimeout(done, 50))
  await shown('sentence a')
  expect(document.body.textContent).not.toContain('too late')
})

test('what went wrong is said, with a way to try again', async () => {
  answer = () => Response.json({ code: 'STORE_UNAVAILABLE', title: 'Broken' }, { status: 503 })
  await open('?ver=eventos')
  await shown('Broken')
  answer = () => Response.json({ items: [event('a')] })
  await page.getByRole('button', { name: m.retry() }).click()
  await shown('sentence a')
})
