import type { User } from '@travessia/schemas/api'
import { Router } from 'sv-router'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { navigate } from '../router.ts'
import { account } from '../state/account.svelte.ts'
import { live } from '../state/live.svelte.ts'

const id = 'd'.repeat(26)
const device = {
  ...{
    id,
    name: 'Entrada',
    slug: 'entrada',
    installationId: 'i',
    viaAgent: true,
    driver: 'http',
    kind: 'http',
  },
  ...{ baseUrl: 'http://10.0.0.9', targets: [], commands: [], buttons: [] },
}
const { pathname } = location
let answers: Record<string, () => Response>
let source: EventTarget

beforeEach(async () => {
  account.user = { id: 'u', role: 'operator' } as User
  answers = {
    [`/api/devices/${id}`]: () => Response.json(device),
    [`/api/devices/${id}/state`]: () => Response.json({ state: null, at: null }),
    '/api/installations/i': () =>
      Response.json({ id: 'i', name: 'Sede', slug: 'sede', agent: { metadata: {} } }),
  }
  vi.stubGlobal('fetch', async (path: string) => answers[path]?.() ?? Response.json({ items: [] }))
  vi.stubGlobal(
    'EventSource',
    class extends EventTarget {
      constructor() {
        super()
        source = this
      }
      close(): void {}
    },
  )
  live.start()
  await render(Router)
  await navigate('/equipamentos/:id', { params: { id } })
})
afterEach(async () => {
  await cleanup()
  live.stop()
  account.user = undefined
  vi.unstubAllGlobals()
})
afterAll(() => history.replaceState(history.state, '', pathname))

const again = () => source.dispatchEvent(new Event('reset'))
const title = () => page.getByRole('heading', { level: 1, name: 'Entrada' })

test('a device that somebody else removed is no longer shown', async () => {
  await expect.element(title()).toBeVisible()
  answers[`/api/devices/${id}`] = () =>
    Response.json({ code: 'NOT_FOUND', title: '?', status: 404 }, { status: 404 })
  again()
  await expect.element(page.getByText(m.not_found_title())).toBeVisible()
  expect(title().query()).toBeNull()
})

test('what stands in the way is said where only the installation could not be asked for', async () => {
  const broken = { code: 'STORE_UNAVAILABLE', title: 'Quebrado', status: 503 }
  const { '/api/installations/i': good } = answers
  answers['/api/installations/i'] = () => Response.json(broken, { status: 503 })
  await navigate('/', { replace: true })
  await navigate('/equipamentos/:id', { params: { id } })
  await expect.element(page.getByText('Quebrado')).toBeVisible()
  Object.assign(answers, { '/api/installations/i': good })
  await page.getByRole('button', { name: m.retry() }).click()
  await expect.element(page.getByText('Quebrado')).not.toBeInTheDocument()
})
