/** The story of the README in Chromium at 390 px: manager, turnstile, its own page, auditor; axe on every screen. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import AxeBuilder from '@axe-core/playwright'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root, type Stack, startStack } from './stack.ts'

const chromiumPath = process.env['CHROME_PATH'] ?? '/usr/bin/chromium'
const story = process.env['STORY_DIR'] ?? ''
let stack: Stack
let browser: Browser
let context: BrowserContext
let page: Page

beforeAll(async () => {
  if (!existsSync(chromiumPath)) throw new Error('missing program: apt-get install chromium')
  stack = await startStack()
  browser = await chromium.launch({
    executablePath: chromiumPath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage'],
  })
  context = await browser.newContext({
    viewport: { width: 390, height: 844 },
    locale: 'pt-BR',
    deviceScaleFactor: 2,
    hasTouch: true,
    serviceWorkers: 'allow',
  })
  page = await context.newPage()
})

afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

/** A picture for the README, when asked for, and no violation of accessibility rules. */
async function look(name: string, at: Page = page): Promise<void> {
  if (story !== '') await at.screenshot({ path: join(root, story, `${name}.png`) })
  const { violations } = await new AxeBuilder({ page: at })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze()
  expect(violations.map(({ id, nodes }) => `${name}: ${id} ${nodes[0]?.html}`)).toEqual([])
}

async function hold(text: string): Promise<void> {
  const box = await page.getByRole('button', { name: text, exact: true }).boundingBox()
  if (!box) throw new Error(`no button ${text}`)
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await page.mouse.down()
  await page.waitForTimeout(1_000)
  await page.mouse.up()
}

test('a manager signs in with a demo account and sees two installations with live agents', async () => {
  await page.goto(stack.httpUrl)
  await page.getByRole('heading', { name: 'Demonstração' }).waitFor()
  await look('01-entrar')
  await page.getByRole('button', { name: /gestor@demo.travessia/ }).click()
  await page.getByText('2 online').waitFor()
  expect(await page.getByRole('link', { name: /Matriz/ }).count()).toBe(1)
  expect(await page.getByRole('link', { name: /Filial/ }).count()).toBe(1)
  await look('02-instalacoes')
})

test('the installation page shows the connector with its last heartbeat and the devices', async () => {
  await page.getByRole('link', { name: /Matriz/ }).click()
  await page.getByRole('heading', { name: 'Conector on-premise' }).waitFor()
  await page.getByText('Servidor Matriz').waitFor()
  await page.getByText('Catraca Entrada Principal').waitFor()
  await look('03-instalacao')
})

test('holding Liberar opens the turnstile and the outcome arrives from the device', async () => {
  await page.getByRole('link', { name: /Catraca Entrada Principal/ }).click()
  await page.getByLabel(/Motivo/).fill('visitante')
  await page.getByRole('button', { name: 'Liberar', exact: true }).waitFor()
  await look('04-catraca')
  await hold('Liberar')
  await page.getByText('O equipamento aceitou. A passagem em si não foi confirmada.').waitFor()
  await look('05-liberado')
})

test('a short tap on Liberar does nothing', async () => {
  const items = page.locator('li.card')
  const before = await items.count()
  await page.getByRole('button', { name: 'Liberar', exact: true }).click()
  await page.waitForTimeout(1_500)
  expect(await items.count()).toBe(before)
})

test('Gerenciar remotamente opens the turnstile’s own page, which works as on its network', async () => {
  await page.getByRole('link', { name: 'Gerenciar remotamente' }).click()
  await page.getByLabel(/Motivo/).fill('conferir acessos')
  await look('06-sessao')
  const popup = context.waitForEvent('page')
  await page.getByRole('button', { name: 'Abrir a página do equipamento' }).click()
  const device = await popup
  await device.setViewportSize({ width: 390, height: 844 })
  await device.getByLabel('Senha').fill('admin')
  await device.getByRole('button', { name: 'Entrar' }).click()
  await device.getByRole('heading', { name: 'Giros' }).waitFor()
  await device.getByText('evento 10').waitFor()
  if (story !== '')
    await device.screenshot({ path: join(root, story, '07-pagina-do-equipamento.png') })
  await device.getByRole('link', { name: 'Sobre este equipamento' }).click()
  await device.getByText('Catraca simulada').waitFor()
  await device.goBack()
  await device.getByRole('button', { name: 'Liberar horário' }).click()
  await device.getByText('evento 12').waitFor()
  expect(await device.evaluate<string>('document.cookie')).toMatch(/session=/)
  expect(new URL(device.url()).hostname).toMatch(/^[a-z0-9]{26}\.remote\.localhost$/)
  await device.close()
})

test('the session shows its countdown, can be extended, and ends', async () => {
  await page.getByRole('timer').waitFor()
  await look('08-sessao-ativa')
  await page.getByRole('button', { name: 'Estender 10 min' }).click()
  await page.getByText('Sessão estendida.').waitFor()
  await page.getByRole('button', { name: 'Encerrar' }).click()
  await page.getByText('Sessão encerrada.').waitFor()
})

test('pairing and settings have their screens', async () => {
  await page.getByRole('link', { name: 'Parear' }).click()
  await page.getByRole('heading', { name: 'Parear agente' }).waitFor()
  await look('09-parear')
  await page.getByRole('link', { name: 'Ajustes' }).click()
  await page.getByRole('button', { name: 'Sair' }).waitFor()
  await look('10-ajustes')
  await page.getByRole('button', { name: 'Sair' }).click()
  await page.getByRole('heading', { name: 'Demonstração' }).waitFor()
})

test('the auditor reads who did what, when, and each request', async () => {
  await page.getByRole('button', { name: /auditor@demo.travessia/ }).click()
  await page.getByText('2 online').waitFor()
  await page.getByRole('link', { name: 'Auditoria' }).click()
  await page
    .getByRole('link', { name: /Gestora Ana/ })
    .first()
    .waitFor()
  await look('11-auditoria')
  await page
    .getByRole('link', { name: /Gestora Ana/ })
    .first()
    .click()
  await page.getByText(/Gestora Ana pediu GET \/en_US\/html\/index.html/).waitFor()
  await page
    .getByText(/motivo: conferir acessos/)
    .first()
    .waitFor()
  await look('12-linha-do-tempo')
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Baixar CSV' }).click()
  expect((await download).suggestedFilename()).toBe('travessia-audit.csv')
  await page.goto(`${stack.httpUrl}/auditoria?ver=eventos`)
  await page.getByLabel('Mostrar').selectOption('Comandos')
  await page
    .getByText(
      /Gestora Ana mandou liberar Catraca Entrada Principal no sentido horário, motivo: visitante/,
    )
    .waitFor()
  await look('13-eventos')
})
