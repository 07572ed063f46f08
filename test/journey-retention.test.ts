/**
 * An administrator's phone: a legal hold, a retention that is tried before it is applied, a SIEM that is sent to, a person who is
 * erased; and what an auditor sees of it afterwards, in the app and with the verifier.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed } from '../rig/api.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { clockAhead } from './bare-node.ts'
import { enter, look, newPhone, startBrowser } from './screens.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-retention-'))
const [dataDir, clock] = [join(directory, 'data'), join(directory, 'ahead')]
const monthsMs = 75 * 86_400_000
let stack: Stack
let browser: Browser
let admin: Page
let auditor: Page

beforeAll(async () => {
  await start(0)
  await usePages()
  await stack.stop()
  ;[browser] = await Promise.all([startBrowser(), start(monthsMs)])
  admin = await signedIn('admin')
  auditor = await signedIn('auditor')
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** Everything with this clock: node, agents and devices. */
async function start(aheadMs: number): Promise<void> {
  writeFileSync(clock, String(aheadMs))
  stack = await startStack({ dataDir, env: clockAhead(clock) })
}

/** Two sessions that are over, of a device that will be held and of one that will not. */
async function usePages(): Promise<void> {
  const manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  for (const name of ['Catraca Entrada', 'Sistema local']) {
    const device = await deviceNamed(manager, name)
    const { base, cookie, sessionId } = await enterSession(manager, device.id, { reason: name })
    await fetchPage(`${base}/`, { headers: { cookie } })
    await manager.call('DELETE', `/api/sessions/${sessionId}`)
  }
}

async function signedIn(name: string): Promise<Page> {
  const { page } = await newPhone(browser)
  await enter(page, stack, `${name}@demo.travessia`)
  return page
}
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

/** The number beside a word of the simulation. */
async function numberOf(word: string): Promise<number> {
  const value = admin.locator('dt', { hasText: word }).locator('xpath=following-sibling::dd[1]')
  return Number((await value.textContent())?.replaceAll('.', ''))
}

test('nobody but an administrator is shown these settings', async () => {
  await auditor.goto(`${stack.httpUrl}/ajustes`)
  await auditor.getByText('Aparência e idioma').waitFor()
  expect(await auditor.getByRole('link', { name: /Retenção|SIEM|Apagar/ }).count()).toBe(0)
  for (const name of ['retencao', 'siem', 'apagar']) {
    await auditor.goto(`${stack.httpUrl}/ajustes/${name}`)
    await auditor.getByText('Só quem administra').waitFor()
  }
})

test('a hold is placed, the retention is tried, what is held is shown, and then it is applied', async () => {
  await admin.getByRole('link', { name: 'Ajustes' }).click()
  await admin.getByRole('link', { name: /^Retenção/ }).click()
  await button(admin, 'Nova retenção legal').click()
  const sheet = admin.getByRole('dialog', { name: 'Nova retenção legal' })
  await sheet.getByRole('combobox', { name: 'Reter' }).selectOption('Um equipamento')
  const which = sheet.getByRole('combobox', { name: 'Qual' })
  await which.selectOption({ label: 'Catraca Entrada Principal, Matriz' })
  await sheet.getByLabel(/Motivo/).fill('Processo 0001234')
  await look(admin, '20-retencao-legal')
  await sheet.getByRole('button', { name: 'Reter', exact: true }).click()
  await admin.getByText(/Processo 0001234/).waitFor()
  await admin.getByRole('combobox', { name: 'Guardar a auditoria por' }).selectOption('30 dias')
  await button(admin, 'Salvar prazo').click()
  await admin.getByText('Prazo salvo.').waitFor()
  await button(admin, 'Simular: o que sairia agora').click()
  await admin.getByText(/Expirariam, anteriores a/).waitFor()
  const [goes, held] = [await numberOf('Eventos que saem'), await numberOf('Mantidos')]
  expect([goes > 4, held > 4]).toEqual([true, true])
  await look(admin, '21-retencao')
  await button(admin, 'Nova retenção legal').scrollIntoViewIfNeeded()
  await look(admin, '21-retencoes-legais')
  await button(admin, 'Aplicar agora').click()
  const ask = admin.getByRole('dialog', { name: 'Deixar expirar?' })
  await ask.getByText(new RegExp(`${goes} eventos`)).waitFor()
  await ask.getByRole('button', { name: 'Aplicar agora' }).click()
  await admin.getByText(`${goes} eventos expiraram.`).waitFor()
  await button(admin, 'Simular: o que sairia agora').click()
  await admin.getByText(/Nada anterior a/).waitFor()
  expect(await numberOf('Mantidos')).toBe(held)
})

test('the auditor reads who held what and what expired, and the held session is still there', async () => {
  await auditor.goto(`${stack.httpUrl}/auditoria?ver=eventos`)
  await auditor.getByText(/pôs uma retenção legal.*Processo 0001234/).waitFor()
  await auditor.getByText(/limitou a guarda da auditoria a 30 dias/).waitFor()
  await auditor.getByText(/eventos anteriores a .* expiraram; suas provas ficam/).waitFor()
  await auditor.goto(`${stack.httpUrl}/auditoria?ver=sessoes`)
  await auditor
    .getByText(/Catraca Entrada/)
    .first()
    .waitFor()
  expect(await auditor.getByText(/Sistema local/).count()).toBe(0)
})

test('the verifier says of the bundle that they have expired and their hashes stay', async () => {
  const bundle = join(directory, 'bundle.zip')
  const response = await auditor.request.get(`${stack.httpUrl}/api/audit/export?format=bundle`)
  writeFileSync(bundle, await response.body())
  const page = await auditor.context().newPage()
  await page.goto(`${stack.httpUrl}/verificar`)
  await page.locator('input[type=file]').first().setInputFiles(bundle)
  await page.getByText(/expiraram como o registro diz, seus hashes ficam/).waitFor()
  await page.close()
})

test('a SIEM is added, its secret seen once, and a test arrives there', async () => {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    bodies.push(await text(request))
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await admin.goto(`${stack.httpUrl}/ajustes/siem`)
  await admin.getByText('Nenhum envio').waitFor()
  await button(admin, 'Novo envio').click()
  const sheet = admin.getByRole('dialog', { name: 'Novo envio' })
  await sheet.getByLabel('Nome').fill('Central de segurança')
  await sheet.getByLabel('Endereço').fill(`http://127.0.0.1:${port}/eventos?chave=abc`)
  await look(admin, '22-novo-envio')
  await button(admin, 'Começar a enviar').click()
  await admin.getByText(/whsec_/).waitFor()
  await look(admin, '23-segredo')
  await button(admin, 'Já guardei').click()
  await button(admin, 'Testar').click()
  await admin.getByText('O destino recebeu o evento de teste.').waitFor()
  expect(bodies.join('')).toContain('AuditFeedTested')
  await look(admin, '24-envio-para-siem')
  server.close()
  server.closeAllConnections()
  await button(admin, 'Testar').click()
  await admin.getByText('FEED_UNREACHABLE').waitFor()
  await look(admin, '25-envio-falha')
  await button(admin, 'Remover').click()
  await admin.getByRole('dialog').getByRole('button', { name: 'Remover' }).click()
  await admin.getByText('Nenhum envio').waitFor()
})

test('a person is erased only by who types the name, and is nobody afterwards', async () => {
  await admin.goto(`${stack.httpUrl}/ajustes/apagar`)
  await admin.getByRole('combobox', { name: 'Pessoa' }).selectOption({
    label: 'Operador Léo (operador@demo.travessia)',
  })
  const action = button(admin, 'Apagar para sempre')
  await admin.getByLabel(/digite o nome/).fill('Operador')
  expect(await action.isDisabled()).toBe(true)
  await action.scrollIntoViewIfNeeded()
  await look(admin, '26-apagar-pessoa')
  await admin.getByLabel(/digite o nome/).fill('Operador Léo')
  await action.click()
  await admin.getByText('Dados apagados.').waitFor()
  await admin.getByRole('option', { name: /Operador Léo/ }).waitFor({ state: 'detached' })
})
