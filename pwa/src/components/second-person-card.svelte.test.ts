import { afterEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import SecondPersonCard from './second-person-card.svelte'

afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

test('it is seen that the rule is still loading', async () => {
  const loaded = Promise.withResolvers<void>()
  vi.stubGlobal('fetch', async (path: string) => {
    await loaded.promise
    const policy = { secondPerson: { safety: [], deviceIds: [] } }
    return Response.json(path === '/api/policy' ? policy : { items: [] })
  })
  await render(SecondPersonCard)
  await expect.element(page.getByText(m.loading())).toBeInTheDocument()
  loaded.resolve()
  await expect.element(page.getByRole('button', { name: m.save() })).toBeVisible()
  await expect.element(page.getByText(m.loading())).not.toBeInTheDocument()
})
