/** The story of the README in Chromium at 390 px: manager, turnstile, its own page, pairing, auditor. */
import type { ChildProcess } from 'node:child_process'
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Stack, startStack } from '../rig/stack.ts'
import {
  enter,
  hold,
  look,
  newPhone,
  openDevicePage,
  pairAgent,
  picture,
  released,
  runAgent,
  startBrowser,
  violations,
} from './screens.ts'

let stack: Stack
let browser: Browser
let context: BrowserContext
let page: Page
let agent: ChildProcess | undefined

beforeAll(async () => {
  ;[browser, stack] = await Promise.all([startBrowser(), startStack()])
  ;({ context, page } = await newPhone(browser))
})

afterAll(async () => {
  agent?.kill('SIGKILL')
  await browser?.close()
  await stack?.stop()
})

const tab = (name: string) => page.getByRole('navigation').getByRole('link', { name })

test('a manager signs in with a demo account and sees two installations with live agents', async () => {
  await page.goto(stack.httpUrl)
  await page.getByRole('heading', { name: 'Demonstração' }).waitFor()
  await look(page, '01-entrar')
  await page.getByRole('button', { name: /gestor@demo.travessia/ }).click()
  await page.getByText('2 online').waitFor()
  expect(await page.getByRole('link', { name: /Matriz/ }).count()).toBe(1)
  expect(await page.getByRole('link', { name: /Filial/ }).count()).toBe(1)
  await look(page, '02-instalacoes')
})

test('the installation page shows the connector with its last heartbeat and the devices', async () => {
  await page.getByRole('link', { name: /Matriz/ }).click()
  await page.getByRole('heading', { name: 'Conector on-premise' }).waitFor()
  const facts = page.getByRole('region', { name: 'Conector on-premise' })
  await facts.getByText('Servidor Matriz').waitFor()
  await facts.locator('time', { hasText: /^há \d+ s$/ }).waitFor()
  await page.getByText('Catraca Entrada Principal').waitFor()
  await look(page, '03-instalacao')
})

test('the device’s title and Gerenciar remotamente stand on one line, the title in two at most', async () => {
  await page.getByRole('link', { name: /Catraca Entrada Principal/ }).click()
  await page.getByText(/^Control iD · 127\.0\.0\.1:\d+$/).waitFor()
  // The button comes with the agent's state; only then the title has its place.
  const button = await page.getByRole('link', { name: 'Gerenciar remotamente' }).boundingBox()
  const title = await page.getByRole('heading', { level: 1 }).boundingBox()
  if (!title || !button) throw new Error('the title line is not there')
  expect(button.x).toBeGreaterThan(title.x + title.width - 1)
  expect(Math.abs(button.y + button.height / 2 - title.y - title.height / 2)).toBeLessThan(12)
  expect(title.height).toBeLessThan(60)
})

test('holding Liberar opens the turnstile and the outcome arrives from the device', async () => {
  await page.getByLabel(/Motivo/).fill('visitante')
  await look(page, '04-catraca')
  await hold(page, 'Liberar')
  await page.getByText(released).waitFor()
  await look(page, '05-liberado')
})

test('a short tap on Liberar does nothing', async () => {
  const rows = page.getByRole('listitem').filter({ hasText: 'Gestora Ana' })
  const before = await rows.count()
  await page.getByRole('button', { name: 'Liberar', exact: true }).click()
  await page.waitForTimeout(1_500)
  expect(await rows.count()).toBe(before)
})

test('the keyboard opens it in two steps: once to arm, once more to confirm', async () => {
  const rows = page.getByRole('listitem').filter({ hasText: 'Gestora Ana' })
  const before = await rows.count()
  await page.getByLabel(/Motivo/).focus()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Toque de novo para confirmar' }).waitFor()
  expect(await rows.count()).toBe(before)
  await page.keyboard.press('Enter')
  await expect.poll(() => rows.count(), { timeout: 10_000 }).toBe(before + 1)
})

test('Gerenciar remotamente opens the turnstile’s own page, which works as on its network', async () => {
  await page.getByRole('link', { name: 'Gerenciar remotamente' }).click()
  // The device's page has a Motivo of its own.
  await page.getByText('Só olhar', { exact: true }).waitFor()
  await page.getByLabel(/Motivo/).fill('conferir acessos')
  await look(page, '06-sessao')
  const device = await openDevicePage(context, page)
  await device.getByLabel('Senha').fill('admin')
  await device.getByRole('button', { name: 'Entrar' }).click()
  await device.getByRole('heading', { name: 'Giros' }).waitFor()
  await device.getByText('evento 10').first().waitFor()
  await picture(device, '07-pagina-do-equipamento')
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
  await look(page, '08-sessao-ativa')
  await page.getByRole('button', { name: 'Estender 10 min' }).click()
  await page.getByText(/^Sessão estendida até .*\d\d:\d\d\.$/).waitFor()
  // More than the ten that a new one has: it was added.
  await page
    .getByRole('timer')
    .filter({ hasText: /1\d:\d\d/ })
    .waitFor()
  await page.getByRole('button', { name: 'Encerrar' }).click()
  await page.getByText('Sessão encerrada.').waitFor()
  await page.getByText('Sua última sessão aqui: encerrada.').waitFor()
})

async function openDevice(name: string): Promise<void> {
  await tab('Instalações').click()
  await page.getByRole('link', { name: /Matriz/ }).click()
  await page.getByRole('link', { name: new RegExp(name) }).click()
}

test('the system says what can be done with it, and leads there', async () => {
  await openDevice('Sistema local')
  await page.getByRole('heading', { name: 'Use a página do próprio equipamento' }).waitFor()
  await page.getByRole('link', { name: 'Gerenciar remotamente' }).waitFor()
})

test('the printer shows its job live, with its heat and what can be done now', async () => {
  await openDevice('Impressora 3D')
  const state = page.getByRole('region', { name: 'Estado do equipamento' })
  await state.getByText('Imprimindo').waitFor()
  await state.locator('time', { hasText: /^há \d+ s$/ }).waitFor()
  await page.getByRole('progressbar', { name: 'Progresso' }).waitFor()
  await page.getByText('suporte.gcode').waitFor()
  await page.getByText('Bico', { exact: true }).waitFor()
  expect(await page.getByRole('button', { name: 'Retomar' }).count()).toBe(0)
  await look(page, '09-impressora')
})

test('a print is paused by one tap and resumed after a question, and the state follows by itself', async () => {
  const state = page.getByRole('region', { name: 'Estado do equipamento' })
  await page.getByRole('button', { name: 'Pausar' }).click()
  await state.getByText('Pausada').waitFor()
  await page.getByText('O equipamento confirmou.').waitFor()
  await page.getByRole('button', { name: 'Retomar' }).click()
  const sheet = page.getByRole('dialog')
  await sheet.getByText('Impressora 3D, Matriz').waitFor()
  expect(await violations(page, 'retomar')).toEqual([])
  await sheet.getByRole('button', { name: 'Retomar' }).click()
  await state.getByText('Imprimindo').waitFor()
  await page.getByRole('button', { name: 'Pausar' }).waitFor()
})

test('a restart of the turnstile waits for a typed word, and its screen can show a message', async () => {
  await openDevice('Catraca Entrada Principal')
  await page.getByText('Outras ações').click()
  await page.getByLabel('Mensagem na tela').fill('Bom dia')
  await page.getByRole('button', { name: 'Mostrar mensagem' }).click()
  await page.getByRole('heading', { name: 'Mostrar mensagem' }).waitFor()
  await page.getByText('O equipamento aceitou. O efeito ainda não foi visto.').waitFor()
  await page.getByRole('button', { name: 'Reiniciar' }).click()
  const sheet = page.getByRole('dialog')
  expect(await sheet.getByRole('button', { name: 'Reiniciar' }).isDisabled()).toBe(true)
  expect(await violations(page, 'reiniciar')).toEqual([])
  await sheet.getByRole('button', { name: 'Voltar' }).click()
})

test('a new installation leads to pairing, whose steps turn while the agent pairs', async () => {
  await tab('Instalações').click()
  await page.getByRole('button', { name: 'Nova instalação' }).click()
  await page.getByLabel('Nome da instalação').fill('Loja')
  await page.getByRole('button', { name: 'Salvar' }).click()
  await page.getByRole('button', { name: 'Gerar código de pareamento' }).click()
  const code = await page.getByText(/^[A-Z0-9]{4}-?[A-Z0-9]{4}$/).textContent()
  await page.getByText(/^Expira em \d:\d\d$/).waitFor()
  await look(page, '10-parear')
  const config = await pairAgent(stack, String(code), 'Servidor Loja')
  await page.getByText('travessia-agent run').waitFor()
  agent = runAgent(config)
  await page.getByText('Pronto: Servidor Loja está online.').waitFor()
  await look(page, '11-pareado')
})

test('a device is added, changed and removed', async () => {
  await page.getByRole('link', { name: 'Abrir a instalação' }).click()
  await page.getByRole('button', { name: 'Adicionar equipamento' }).click()
  await page.getByLabel('Nome').fill('Portão')
  await page.getByLabel('Endereço na rede local').fill('http://192.168.1.50')
  await look(page, '12-adicionar-equipamento')
  await page.getByRole('button', { name: 'Salvar' }).click()
  await page.getByRole('link', { name: /Portão/ }).click()
  await page.getByText('Control iD · 192.168.1.50').waitFor()
  await page.getByRole('button', { name: 'Editar' }).click()
  await page.getByLabel('Nome').fill('Portão dos fundos')
  await page.getByRole('button', { name: 'Salvar' }).click()
  await page.getByRole('heading', { level: 1, name: 'Portão dos fundos' }).waitFor()
  await page.getByRole('button', { name: 'Remover' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remover' }).click()
  await page.getByText('Nenhum equipamento cadastrado.').waitFor()
})

test('renewing the token and unpairing ask first, and show at once', async () => {
  await page.getByRole('button', { name: 'Renovar token' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Renovar token' }).click()
  await page.getByText('Token renovado. O agente está reconectando.').waitFor()
  await page.getByRole('button', { name: 'Desparear' }).click()
  await page.getByText('O agente Servidor Loja de Loja perde o acesso na hora.').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Desparear' }).click()
  await page.getByText('Nenhum agente pareado ainda.').waitFor()
})

test('settings show who is signed in and the way out', async () => {
  await tab('Ajustes').click()
  await page.getByRole('button', { name: 'Sair' }).waitFor()
  await look(page, '13-ajustes')
  await page.getByRole('button', { name: 'Sair' }).click()
  await page.getByRole('heading', { name: 'Demonstração' }).waitFor()
})

/** Plays, pauses by key, and comes back to the same instant by its link. */
async function replaysFrom(at: Page): Promise<void> {
  const player = at.getByRole('region', { name: 'Reprodução' })
  const now = at.locator('li[aria-current="true"]')
  const line = at.getByRole('listitem').filter({ hasText: '/en_US/html/index.html' }).first()
  await line.getByRole('button', { name: /^Ir a/ }).click()
  await now.filter({ hasText: '/en_US/html/index.html' }).waitFor()
  await player.getByLabel('Velocidade').selectOption('4×')
  await player.getByRole('button', { name: 'Reproduzir' }).click()
  await now.filter({ hasNotText: '/en_US/html/index.html' }).waitFor()
  await at.keyboard.press('k')
  await player.getByRole('button', { name: 'Reproduzir' }).waitFor()
  const instant = at.getByLabel('Instante da sessão')
  const before = Number(await instant.inputValue())
  const inAddress = () => Number(new URL(at.url()).searchParams.get('t')) * 1_000
  await expect.poll(() => Math.abs(inAddress() - before)).toBeLessThan(200)
  await at.reload()
  await expect.poll(async () => Number(await instant.inputValue())).toBeCloseTo(before, -3)
  await look(at, '17-reproducao')
}

test('the auditor reads who did what, when, and each request', async () => {
  await enter(page, stack, 'auditor@demo.travessia')
  await tab('Auditoria').click()
  const session = page.getByRole('link', { name: /Gestora Ana/ }).first()
  await session.waitFor()
  await look(page, '14-auditoria')
  await session.click()
  const line = page
    .getByRole('listitem')
    .filter({ hasText: /GET\s*\/en_US\/html\/index\.html/ })
    .first()
  await line.getByText('200', { exact: true }).waitFor()
  await page.getByText('Motivo: conferir acessos', { exact: true }).waitFor()
  await look(page, '15-linha-do-tempo')
  await line.getByText('Detalhes').click()
  await line.getByText('Gestora Ana pediu GET /en_US/html/index.html').waitFor()
  await replaysFrom(page)
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Baixar CSV' }).click()
  expect((await download).suggestedFilename()).toBe('travessia-audit.csv')
  await page.goto(`${stack.httpUrl}/auditoria?ver=eventos`)
  await page.getByText('Filtros', { exact: true }).click()
  await page.getByLabel('Mostrar').selectOption('Comandos')
  await page
    .getByText(
      /Gestora Ana mandou liberar Catraca Entrada Principal no sentido horário, motivo: visitante/,
    )
    .first()
    .waitFor()
  await page.getByLabel('Pessoa').selectOption('Gestora Ana')
  await page.getByText('Filtros (2)').waitFor()
  expect(page.url()).toMatch(/\?ver=eventos&tipo=command&pessoa=[a-z0-9]{26}$/)
  await look(page, '16-eventos')
  await page.getByRole('button', { name: 'Limpar filtros' }).click()
  await page.getByLabel('Mostrar').selectOption('Leituras da auditoria')
  await page
    .getByText(/reviu a sessão de Gestora Ana em Catraca Entrada Principal$/)
    .first()
    .waitFor()
})
