import type { Installation, User } from '@travessia/schemas/api'
import { afterEach, expect, test } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { account } from '../state/account.svelte.ts'
import AgentCard from './agent-card.svelte'

afterEach(() => {
  account.user = undefined
  return cleanup()
})

const agent = {
  ...{ status: 'ONLINE', agentId: 'a'.repeat(26), name: 'Servidor Portaria', version: '0.1.0' },
  ...{ externalIp: '203.0.113.7', since: null, metadata: {}, policy: null },
}

async function show(role: User['role'], changes: object = {}) {
  account.user = { role } as User
  const lastHeartbeatAt = new Date(Date.now() - 15_000).toISOString()
  const shown = { ...agent, lastHeartbeatAt, ...changes }
  const installation = { id: 'i', name: 'Matriz', agent: shown } as Installation
  await render(AgentCard, { installation, onchange: () => undefined })
  return page.getByRole('button')
}

test.each(['admin', 'manager'] as const)('%s may renew and unpair', async (role) => {
  const buttons = await show(role)
  expect(buttons.elements().map((one) => one.textContent?.trim())).toEqual([
    m.renew_token(),
    m.unpair(),
  ])
})

test.each(['operator', 'auditor'] as const)(
  '%s reads the connector and changes nothing',
  async (role) => {
    const buttons = await show(role)
    await expect.element(page.getByText('Servidor Portaria')).toBeVisible()
    expect(buttons.elements()).toEqual([])
  },
)

test('the last heartbeat reads as seconds ago', async () => {
  await show('auditor')
  expect(document.querySelector('time')?.textContent).toMatch(/\b1[4-9] s\b/)
})

test('without an agent a manager is led to pairing', async () => {
  await show('manager', { agentId: null, status: 'OFFLINE', lastHeartbeatAt: null })
  const link = page.getByRole('link', { name: m.make_code() })
  expect(link.element().getAttribute('href')).toBe('/parear?instalacao=i')
})

test('a place that has no agent is not called offline, one whose agent is away is', async () => {
  await show('auditor', { agentId: null, status: 'OFFLINE', lastHeartbeatAt: null })
  await expect.element(page.getByText(m.status_none())).toBeVisible()
  expect(document.body.textContent).not.toContain(m.status_offline())
  await cleanup()
  await show('auditor', { status: 'OFFLINE' })
  await expect.element(page.getByText(m.status_offline())).toBeVisible()
})

test('unpairing asks first, naming agent and installation', async () => {
  await show('manager')
  await page.getByRole('button', { name: m.unpair() }).click()
  const text = m.unpair_text({ name: 'Servidor Portaria', installation: 'Matriz' })
  await expect.element(page.getByText(text)).toBeVisible()
})

test('an agent paused on site says until when, and what that means', async () => {
  await show('auditor', { metadata: { pausedUntil: Date.now() + 60_000 } })
  const [before] = m.paused_until({ time: '|' }).split('|')
  await expect.element(page.getByText(new RegExp(`${before}\\d`))).toBeVisible()
  await expect.element(page.getByText(m.paused_effect())).toBeVisible()
})

test('without an end the pause says none', async () => {
  await show('auditor', { metadata: { pausedUntil: null } })
  await expect.element(page.getByText(m.paused(), { exact: true })).toBeVisible()
})

test('an agent with rules of its site shows them in words; without, nothing is said of rules', async () => {
  const policy = { digest: 'sha256:0', rules: { methods: ['GET'], commands: [] } }
  await show('auditor', { policy })
  await expect.element(page.getByRole('heading', { name: m.site_rules() })).toBeVisible()
  const lines = page
    .getByRole('listitem')
    .elements()
    .map((one) => one.textContent?.trim())
  const none = `${m.site_rules_commands()}: ${m.site_rules_nothing()}`
  expect(lines).toEqual([`${m.site_rules_methods()}: GET`, none])
  await cleanup()
  await show('auditor')
  expect(page.getByRole('heading', { name: m.site_rules() }).elements()).toEqual([])
})
