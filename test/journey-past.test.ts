/** The past on the auditor's screen: what was open, named and allowed at an instant; and that now is what live views show. */
import type { PastState } from '@travessia/schemas/past-state'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Api, deviceNamed, type Item } from '../rig/api.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { enter, look, newPhone, startBrowser, violations } from './screens.ts'

let stack: Stack
let browser: Browser
let page: Page
let admin: Api
let manager: Api
let auditor: Api
let gate: Item
let closedAt: number

beforeAll(async () => {
  ;[browser, stack] = await Promise.all([startBrowser(), startStack()])
  ;({ page } = await newPhone(browser))
  const as = (name: string) => new Api(stack.httpUrl).signIn(`${name}@demo.travessia`)
  ;[admin, manager, auditor] = await Promise.all([as('admin'), as('gestor'), as('auditor')])
  gate = await deviceNamed(admin, 'Entrada')
  await leaveTraces()
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

/** A session, and a person who had access meanwhile; afterwards the person is erased and the gate has another name. */
async function leaveTraces(): Promise<void> {
  const leaver = { email: 'sai@demo.travessia', name: 'Sai', role: 'operator' }
  const password = 'uma senha bem longa'
  const { body } = await admin.call('POST', '/api/users', { ...leaver, password })
  const { sessionId, base, cookie } = await enterSession(manager, gate.id, {
    reason: 'conferir acessos',
  })
  for (let request = 0; request < 5; request += 1)
    await fetchPage(`${base}/en_US/html/index.html?${request}`, { headers: { cookie } })
  await manager.call('DELETE', `/api/sessions/${sessionId}`)
  closedAt = Date.now()
  const erased = await admin.call('POST', `/api/users/${body['id']}/erase`, { confirm: true })
  const name = 'Catraca dos fundos'
  const changed = await admin.call('PATCH', `/api/devices/${gate.id}`, { name })
  expect([erased.status, changed.status]).toEqual([204, 200])
}

const region = (name: string) => page.getByRole('region', { name })
const said = (text: string | RegExp) => page.getByRole('status').filter({ hasText: text }).waitFor()

test('a session that is closed is open again at an instant of its replay, with the names of then', async () => {
  await enter(page, stack, 'auditor@demo.travessia')
  await page.getByRole('link', { name: 'Auditoria' }).click()
  await page.getByRole('link', { name: /conferir acessos/ }).click()
  const line = page.getByRole('listitem').filter({ hasText: 'index.html?3' })
  await line.getByRole('button', { name: /^Ir a/ }).click()
  await page.getByRole('link', { name: 'Como estava neste instante' }).click()
  await said('2 de 2 agentes conectados, 1 sessão aberta')
  const session = region('Sessões abertas').getByRole('link')
  await session.getByText('Catraca Entrada Principal').waitFor()
  await session.getByText('por Gestora Ana').waitFor()
  await region('Matriz').getByText('Catraca Entrada Principal').waitFor()
  await region('Quem tinha acesso').getByText('apagado').waitFor()
  await look(page, '35-passado')
  await page.emulateMedia({ colorScheme: 'dark' })
  expect(await violations(page, 'escuro')).toEqual([])
  await page.emulateMedia({ colorScheme: null })
  await page.goBack()
  await region('Reprodução').waitFor()
  await page.goForward()
  await session.click()
  await page.locator('li[aria-current="true"]', { hasText: 'index.html?3' }).waitFor()
})

test('a link to a later instant has that session closed, and one to before everything has nothing', async () => {
  const linked = (ms: number) =>
    page.goto(`${stack.httpUrl}/auditoria/passado?at=${new Date(ms).toISOString()}`)
  await linked(closedAt)
  await said('2 de 2 agentes conectados, nenhuma sessão aberta')
  await linked(closedAt - 365 * 86_400_000)
  await page.getByRole('heading', { name: 'Ainda não havia nada' }).waitFor()
  expect(await violations(page, 'nada')).toEqual([])
  await linked(closedAt + 365 * 86_400_000)
  await page.getByRole('heading', { name: 'Este instante ainda não chegou' }).waitFor()
  expect(await violations(page, 'futuro')).toEqual([])
})

test('the keyboard moves through a day, and one reading is recorded of where it stops', async () => {
  const readings = async () => {
    const { items } = await auditor.get<{ items: Item[] }>('/api/audit/events?type=AuditQueried')
    return items.filter(({ data }) => (data as Item)['list'] === 'state').length
  }
  await page.clock.install()
  await page.goto(`${stack.httpUrl}/auditoria/passado?at=2026-01-15T12:00:00Z`)
  await page.getByRole('heading', { name: 'Ainda não havia nada' }).waitFor()
  const before = await readings()
  await page.getByLabel('Hora do dia').focus()
  // However long the keys take: to the page it is one moment.
  await page.clock.pauseAt(Date.now() + 60_000)
  for (let key = 0; key < 10; key += 1) await page.keyboard.press('ArrowLeft')
  await page.clock.resume()
  await page.waitForURL(/at=2026-01-15T11:50:00/)
  await page.getByRole('heading', { name: 'Ainda não havia nada' }).waitFor()
  expect(await readings()).toBe(before + 1)
})

test('at now it is what live views show, however far ahead it is asked for', async () => {
  await enterSession(manager, gate.id, { reason: 'ainda aberta' })
  await vi.waitFor(async () => expect(await past()).toEqual(await live()), { timeout: 30_000 })
  expect((await past()).sessions).toEqual([expect.stringContaining('Gestora Ana')])
  await page.goto(`${stack.httpUrl}/auditoria`)
  await page.getByRole('link', { name: 'Como estava em um instante' }).click()
  await said('2 de 2 agentes conectados, 1 sessão aberta')
  await region('Sessões abertas').getByText('Motivo: ainda aberta').waitFor()
})

type Shown = Readonly<Record<'sites' | 'agents' | 'devices' | 'sessions' | 'members', string[]>>

async function past(): Promise<Shown> {
  const state = await auditor.get<PastState>('/api/audit/state?at=2099-01-01T00:00:00Z')
  return {
    sites: state.installations.map(({ name }) => name),
    agents: state.agents.map(({ name, isConnected }) => `${name} ${isConnected}`),
    devices: state.devices.map(({ name, status }) => `${name} ${status}`),
    sessions: state.sessions.map(({ id, userName, openedAt }) => `${id} ${userName} ${openedAt}`),
    members: state.members.map(({ userName, role }) => `${userName} ${role}`).sort(),
  }
}

async function live(): Promise<Shown> {
  const list = async (path: string) => (await admin.get<{ items: Item[] }>(path)).items
  const sites = await list('/api/installations')
  const agents = sites.map((site) => site['agent'] as Item)
  const ofSites = await Promise.all(sites.map(({ id }) => list(`/api/installations/${id}/devices`)))
  const devices = ofSites.flat().map(async ({ id, name }) => {
    const { state } = await admin.get<{ state: Item }>(`/api/devices/${id}/state`)
    return `${name} ${state['status']}`
  })
  const open = await list(`/api/audit/sessions?activeAt=${new Date().toISOString()}`)
  const users = await list('/api/users')
  return {
    sites: sites.map(({ name }) => name),
    agents: agents.map(({ name, status }) => `${name} ${status === 'ONLINE'}`),
    devices: await Promise.all(devices),
    sessions: open.map(({ id, ...one }) => `${id} ${one['userName']} ${one['openedAt']}`),
    members: users.map(({ name, role }) => `${name} ${role}`).sort(),
  }
}
