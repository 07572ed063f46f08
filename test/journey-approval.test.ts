/** The two-person rule on phones: an administrator sets it, one person asks, another one says yes. */
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed, type Item } from '../rig/api.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { enter, look, newPhone, startBrowser } from './screens.ts'

let stack: Stack
let browser: Browser
let gate: Item
let admin: Page
let manager: Page
let operator: Page

beforeAll(async () => {
  ;[browser, stack] = await Promise.all([startBrowser(), startStack()])
  const api = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  gate = await deviceNamed(api, 'Catraca Entrada')
  admin = await signedIn('admin')
  manager = await signedIn('gestor')
  operator = await signedIn('operador')
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

async function signedIn(name: string): Promise<Page> {
  const { page } = await newPhone(browser)
  await enter(page, stack, `${name}@demo.travessia`)
  return page
}
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

async function turns(): Promise<number> {
  const response = await fetch(`${gate['baseUrl']}/__simulator/state`)
  return ((await response.json()) as { actions: unknown[] }).actions.length
}

/** Without holding: the two steps of the keyboard. */
async function release(): Promise<void> {
  // Until the page knows that the turnstile can be reached it is off, and a key would go nowhere.
  await expect.poll(() => button(manager, 'Liberar').isEnabled()).toBe(true)
  await button(manager, 'Liberar').press('Enter')
  await manager.locator('button.armed').press('Enter')
}

test('an administrator requires a second person for what moves something; nobody else sees the setting', async () => {
  await admin.goto(`${stack.httpUrl}/ajustes`)
  await admin.getByLabel(/Físicos/).check()
  await look(admin, '17-segunda-pessoa')
  await button(admin, 'Salvar').click()
  await admin.getByText('Regra salva.').waitFor()
  await admin.reload()
  await admin.getByLabel(/Físicos/).waitFor()
  expect(await admin.getByLabel(/Físicos/).isChecked()).toBe(true)
  expect(await admin.getByLabel(/Perigosos/).isChecked()).toBe(false)
  await manager.goto(`${stack.httpUrl}/ajustes`)
  await manager.getByText('Aparência e idioma').waitFor()
  expect(await manager.getByText('Segunda pessoa').count()).toBe(0)
})

test('a release waits until somebody else approves it on another phone, and then turns the turnstile', async () => {
  const before = await turns()
  await manager.goto(`${stack.httpUrl}/equipamentos/${gate.id}`)
  await manager.getByText('Outra pessoa precisa aprovar.').waitFor()
  await manager.getByLabel(/Motivo/).fill('visitante')
  await release()
  await manager.getByText(/Nada foi enviado ainda/).waitFor()
  expect(await button(manager, 'Aprovar').count()).toBe(0)
  await look(manager, '18-aguardando')
  await button(operator, 'Aprovar').waitFor()
  await look(operator, '19-aprovar')
  expect(await turns()).toBe(before)
  await button(operator, 'Aprovar').click()
  const sheet = operator.getByRole('dialog')
  await sheet
    .getByText(/Liberar passagem · Entrada · Horário · visitante: .*Gestora Ana pediu/)
    .waitFor()
  await button(sheet as never, 'Aprovar').click()
  await operator.getByText('Aprovado. O comando foi enviado.').waitFor()
  await manager.getByText('Concluído').first().waitFor()
  await manager.getByText(/2ª pessoa: Operador Léo/).waitFor()
  await manager.getByText(/Liberada por comando/).waitFor()
  await operator.getByText('Aguardando aprovação').waitFor({ state: 'detached' })
  expect(await turns()).toBe(before + 1)
})

test('rejected or taken back it ends on both phones, and nothing turns', async () => {
  const before = await turns()
  await release()
  await button(operator, 'Rejeitar').click()
  await manager.getByText('O pedido deste comando foi rejeitado.').waitFor()
  await release()
  await button(manager, 'Retirar pedido').click()
  await button(manager, 'Retirar pedido').waitFor({ state: 'detached' })
  await operator.getByText('Aguardando aprovação').waitFor({ state: 'detached' })
  expect(await turns()).toBe(before)
})
