import type { User } from '@travessia/schemas/api'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import ErasePerson from './erase-person.svelte'

const people = [
  { id: 'a', name: 'Ana Souza', email: 'ana@x.example' },
  { id: 'b', name: 'Rui', email: 'rui@x.example' },
] as User[]
let asked: Array<[string, unknown]> = []
let answer: () => Response

beforeEach(() => {
  asked = []
  answer = () => new Response(null, { status: 204 })
  vi.stubGlobal('fetch', async (path: string, { body, method }: RequestInit) => {
    asked.push([`${method} ${path}`, JSON.parse(String(body))])
    return answer()
  })
})
afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

async function choose(name: string) {
  const onerased = vi.fn()
  await render(ErasePerson, { people, onerased })
  await page.getByRole('combobox', { name: m.erase_who() }).selectOptions(name)
  return onerased
}
const action = () => page.getByRole('button', { name: m.erase_action() })
const typed = (name: string) => page.getByLabelText(m.erase_type({ name }))

test('what stays is said before anybody is chosen', async () => {
  await render(ErasePerson, { people, onerased: vi.fn() })
  for (const text of [m.erase_stays_facts(), m.erase_stays_proofs(), m.erase_stays_copies()])
    await expect.element(page.getByText(text)).toBeVisible()
  expect(action().elements()).toEqual([])
})

test('only the very name lets somebody be erased, and another choice wants another name', async () => {
  const onerased = await choose('Ana Souza (ana@x.example)')
  await expect.element(action()).toBeDisabled()
  await typed('Ana Souza').fill('ana souza')
  await expect.element(action()).toBeDisabled()
  await typed('Ana Souza').fill('Ana Souza')
  await expect.element(action()).toBeEnabled()
  await page.getByRole('combobox', { name: m.erase_who() }).selectOptions('Rui (rui@x.example)')
  await expect.element(action()).toBeDisabled()
  await typed('Rui').fill('Rui')
  await action().click()
  await expect.poll(() => onerased.mock.calls.length).toBe(1)
  expect(asked).toEqual([['POST /api/users/b/erase', { confirm: true }]])
})

test('a refusal is told and nobody is gone', async () => {
  answer = () =>
    Response.json({ code: 'LAST_ADMIN', title: 'é a última', status: 409 }, { status: 409 })
  const onerased = await choose('Rui (rui@x.example)')
  await typed('Rui').fill('Rui')
  await action().click()
  await expect.element(page.getByText('é a última')).toBeVisible()
  expect(onerased).not.toHaveBeenCalled()
})
