/**
 * What a session may do, in Chromium on the real processes: the agent signs in to a turnstile's own page and the
 * browser never learns how; a read-only session shows the page and moves nothing.
 */
import type { Browser, BrowserContext, Page, Response } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed, factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { registerDevice } from '../rig/own-agent.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { type DeviceTap, startDeviceTap } from './device-tap.ts'
import { enter, look, newPhone, openDevicePage, startBrowser } from './screens.ts'

const password = `canary-password-${Date.now().toString(36)}`
let stack: Stack
let browser: Browser
let context: BrowserContext
let page: Page
let atManager: Page
let manager: Api
let auditor: Api
let tap: DeviceTap
let gate: Item

beforeAll(async () => {
  ;[browser, stack] = await Promise.all([startBrowser(), startStack()])
  ;({ context, page } = await newPhone(browser))
  ;({ page: atManager } = await newPhone(browser))
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  auditor = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
  const demo = await deviceNamed(manager, 'Entrada')
  tap = await startDeviceTap(String(demo['baseUrl']), password)
  gate = await registerDevice(manager, String(demo['installationId']), {
    ...{ name: 'Catraca Fundos', baseUrl: tap.url, kind: 'turnstile', driver: 'control-id' },
    ...{ credentials: { login: 'admin', password }, signIn: 'agent' },
  })
  await enter(page, stack, 'operador@demo.travessia')
  await enter(atManager, stack, 'gestor@demo.travessia')
})

afterAll(async () => {
  await browser?.close()
  await tap?.stop()
  await stack?.stop()
})

/** All that the browser was told: heads and bodies of answers, cookies, what scripts can read. */
function eavesdrop() {
  const heard: Array<Promise<string>> = []
  const keep = (response: Response) => {
    // Never ends.
    if (response.url().includes('/api/events')) return
    const body = response.body().then(String, () => '')
    const head = response.headersArray().then((pairs) => JSON.stringify(pairs))
    heard.push(Promise.all([response.url(), head, body]).then((parts) => parts.join('\n')))
  }
  context.on('response', keep)
  return async (at: Page): Promise<string> => {
    context.off('response', keep)
    const kept =
      'document.cookie + JSON.stringify(localStorage) + document.documentElement.outerHTML'
    const cookies = JSON.stringify(await context.cookies())
    return [...(await Promise.all(heard)), cookies, await at.evaluate<string>(kept)].join('\n')
  }
}

async function openSession(choice?: 'Só olhar'): Promise<Page> {
  await page.goto(`${stack.httpUrl}/equipamentos/${gate.id}/sessao`)
  if (choice) await page.getByText(choice, { exact: true }).click()
  return openDevicePage(context, page)
}

async function endSession(device: Page): Promise<string> {
  await device.close()
  const { items } = await manager.get<{ items: Item[] }>(`/api/devices/${gate.id}/sessions`)
  const id = items[0]?.id ?? ''
  await page.bringToFront()
  await page.getByRole('button', { name: 'Encerrar', exact: true }).click()
  await page.getByRole('button', { name: 'Abrir a página do equipamento' }).waitFor()
  return id
}

test('the turnstile’s page opens signed in with no password typed, and the browser never gets its session', async () => {
  const hear = eavesdrop()
  await page.goto(`${stack.httpUrl}/equipamentos/${gate.id}/sessao`)
  await page.getByText('O agente entra na página por você').waitFor()
  await look(page, 'sessao-com-agente')
  const device = await openSession()
  await device.getByRole('heading', { name: 'Giros' }).waitFor()
  await device.getByText('bloqueado').waitFor()
  const before = await tap.actions()
  await device.getByRole('button', { name: 'Liberar horário' }).click()
  await eventually(async () => (await tap.actions()) === before + 1, { what: 'the release' })
  const all = await hear(device)
  expect(tap.sessions.length).toBeGreaterThan(0)
  expect(all).toContain('session_is_valid')
  for (const secret of [password, ...tap.sessions]) expect(all).not.toContain(secret)
  const id = await endSession(device)
  const facts = await factsOf(auditor, `&sessionId=${id}`)
  expect(facts.filter(({ type }) => type === 'DeviceCredentialsUsed')).toMatchObject([
    { deviceId: gate.id, summary: expect.stringContaining('credenciais do cadastro') },
  ])
  const used = facts.findIndex(({ type }) => type === 'DeviceCredentialsUsed')
  expect(used).toBeLessThan(facts.findIndex(({ type }) => type === 'HttpRequestForwarded'))
  for (const secret of [password, ...tap.sessions])
    expect(JSON.stringify(facts)).not.toContain(secret)
})

test('a device that forgot its session is signed in anew, and the person sees nothing of it', async () => {
  const device = await openSession()
  // Written by the page's script, without which its buttons do nothing.
  await device.getByText(/bloqueado|liberado/).waitFor()
  const logins = tap.sessions.length
  await tap.reboot()
  const before = await tap.actions()
  await device.getByRole('button', { name: 'Liberar horário' }).click()
  await eventually(async () => (await tap.actions()) === before + 1, { what: 'the release' })
  expect(tap.sessions.length).toBeGreaterThan(logins)
  expect(await device.getByRole('heading', { name: 'Giros' }).isVisible()).toBe(true)
  await endSession(device)
})

test('“Só olhar”: the page loads, its “liberar” is refused in words, and the turnstile’s counter stays', async () => {
  const device = await openSession('Só olhar')
  await device.getByRole('heading', { name: 'Giros' }).waitFor()
  await device.getByText(/bloqueado|liberado/).waitFor()
  const before = await tap.actions()
  const refused = device.waitForResponse((one) => one.url().includes('execute_actions'))
  await device.getByRole('button', { name: 'Liberar horário' }).click()
  const answer = await refused
  expect(answer.status()).toBe(403)
  expect(await answer.json()).toMatchObject({
    code: 'SESSION_READ_ONLY',
    title: expect.stringContaining('só para olhar'),
  })
  expect(await tap.actions()).toBe(before)
  await page.bringToFront()
  await page.getByText('Sessão somente leitura').waitFor()
  await look(page, 'sessao-somente-leitura')
  const id = await endSession(device)
  const facts = await factsOf(auditor, `&sessionId=${id}`)
  expect(facts.find(({ type }) => type === 'SessionOpened')?.summary).toContain('somente leitura')
  expect(facts.find(({ type }) => type === 'HttpRequestRefused')).toMatchObject({
    data: { method: 'POST', path: '/execute_actions.fcgi', errorCode: 'SESSION_READ_ONLY' },
  })
  await atManager.goto(`${stack.httpUrl}/auditoria/sessoes/${id}`)
  await atManager.getByText('Sessão somente leitura', { exact: true }).waitFor()
  await atManager
    .getByText(/POST \/execute_actions.fcgi de .* recusado/)
    .first()
    .waitFor()
  await look(atManager, 'auditoria-somente-leitura')
})

test('without the option the person signs in, and what the browser gets is what would be found', async () => {
  await atManager.goto(`${stack.httpUrl}/equipamentos/${gate.id}`)
  await atManager.getByRole('button', { name: 'Editar' }).click()
  const choice = atManager.getByLabel('O agente entra na página do equipamento')
  await choice.scrollIntoViewIfNeeded()
  await look(atManager, 'equipamento-agente-entra')
  expect(await choice.isChecked()).toBe(true)
  await choice.uncheck()
  await atManager.getByRole('button', { name: 'Salvar' }).click()
  await atManager.getByRole('dialog').waitFor({ state: 'detached' })
  const hear = eavesdrop()
  const device = await openSession()
  await device.getByLabel('Senha').fill(password)
  await device.getByRole('button', { name: 'Entrar' }).click()
  await device.getByRole('heading', { name: 'Giros' }).waitFor()
  expect(await hear(device)).toContain(tap.sessions.at(-1))
  const id = await endSession(device)
  const facts = await factsOf(auditor, `&sessionId=${id}`)
  expect(facts.filter(({ type }) => type === 'DeviceCredentialsUsed')).toEqual([])
})
