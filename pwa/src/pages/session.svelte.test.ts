import type { Session, User } from '@travessia/schemas/api'
import { Router } from 'sv-router'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { navigate } from '../router.ts'
import { account } from '../state/account.svelte.ts'

type Answer = Response | Promise<Response>

const id = 'd'.repeat(26)
const [devicePath, sessionsPath] = [`/api/devices/${id}`, `/api/devices/${id}/sessions`]
const sitePath = '/api/installations/i'
const session = {
  ...{ id: 's', userId: 'u', userName: 'Ana', status: 'ACTIVE', access: 'full', reason: '' },
  ...{ deviceName: 'Entrada', mode: 'host' },
  expiresAt: new Date(Date.now() + 600_000).toISOString(),
} as Session
const { pathname } = location
const nothing = () => Response.json({ items: [] })
let answers: Record<string, () => Answer>

beforeEach(() => {
  account.user = { id: 'u', role: 'operator' } as User
  answers = {
    [devicePath]: () => Response.json({ id, name: 'Entrada', installationId: 'i', viaAgent: true }),
    [sessionsPath]: () => Response.json({ items: [] }),
    [sitePath]: () => Response.json({ id: 'i', agent: { status: 'ONLINE', metadata: {} } }),
  }
  vi.stubGlobal('fetch', (path: string, { method }: RequestInit) =>
    Promise.resolve(answers[method === 'POST' ? `POST ${path}` : path]?.() ?? nothing()),
  )
})
afterEach(async () => {
  await cleanup()
  account.user = undefined
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})
afterAll(() => history.replaceState(history.state, '', pathname))

async function show(): Promise<void> {
  await render(Router)
  await navigate('/equipamentos/:id/sessao', { params: { id } })
  await expect.element(page.getByRole('heading', { name: m.session_title() })).toBeVisible()
}
const opener = () => page.getByRole('button', { name: m.session_open() })
const shows = (what: ReturnType<typeof page.getByText>) => expect.element(what).toBeVisible()

test('nothing can be opened before it is known whether a session is open, and whether one can be', async () => {
  const sessions = Promise.withResolvers<Response>()
  const site = Promise.withResolvers<Response>()
  Object.assign(answers, { [sessionsPath]: () => sessions.promise, [sitePath]: () => site.promise })
  await show()
  await shows(page.getByText('Entrada'))
  expect(opener().query()).toBeNull()
  sessions.resolve(Response.json({ items: [] }))
  await new Promise((done) => setTimeout(done, 50))
  expect(opener().query()).toBeNull()
  site.resolve(Response.json({ id: 'i', agent: { status: 'ONLINE', metadata: {} } }))
  await expect.element(opener()).toBeEnabled()
})

test('that the sessions could not be asked for is said, and may be tried again', async () => {
  const { [sessionsPath]: good } = answers
  answers[sessionsPath] = () => Response.json({ code: 'X', title: 'Quebrado' }, { status: 503 })
  await show()
  await shows(page.getByText('Quebrado'))
  Object.assign(answers, { [sessionsPath]: good })
  await page.getByRole('button', { name: m.retry() }).click()
  await expect.element(page.getByText('Quebrado')).not.toBeInTheDocument()
})

test('where the browser gave no tab the link has the ticket, until it was used', async () => {
  vi.spyOn(window, 'open').mockReturnValue(null)
  const url = 'https://s.example/__travessia/enter?ticket=t'
  answers[`POST ${sessionsPath}`] = () => {
    answers[sessionsPath] = () => Response.json({ items: [session] })
    return Response.json({ sessionId: 's', url, expiresAt: session.expiresAt }, { status: 201 })
  }
  await show()
  await opener().click()
  const link = page.getByRole('link', { name: m.session_continue() })
  await expect.element(link).toHaveAttribute('href', url)
  let used = ''
  addEventListener(
    'click',
    (event) => {
      event.preventDefault()
      used = (event.target as Element).closest('a')?.href ?? ''
    },
    { once: true },
  )
  await link.click()
  expect(used).toBe(url)
  await expect.element(link).toHaveAttribute('href', 'https://s.example/')
})

test('that pages are not kept apart is said before the next one is opened, and where it is so only', async () => {
  const over = { ...session, status: 'CLOSED' }
  answers[sessionsPath] = () => Response.json({ items: [over] })
  await show()
  await shows(opener())
  expect(page.getByText(m.session_path_mode()).query()).toBeNull()
  await cleanup()
  answers[sessionsPath] = () => Response.json({ items: [{ ...over, mode: 'path' }] })
  await show()
  await shows(opener())
  await shows(page.getByText(m.session_path_mode()))
})

test('a session whose time is over has no buttons, though nobody told of its end', async () => {
  const over = { ...session, expiresAt: new Date(Date.now() - 1_000).toISOString() }
  answers[sessionsPath] = () => Response.json({ items: [over] })
  await show()
  await expect.element(opener()).toBeEnabled()
  expect(page.getByRole('button', { name: m.session_end() }).elements()).toEqual([])
})
