/** Every error that a person can meet, seen on screen: what happened, what it means, what to do. */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandStatus, isTerminal } from '@travessia/schemas/commands'
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { fetchPage } from '../rig/pages.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import {
  enter,
  hold,
  look,
  newPhone,
  newSite,
  openDevicePage,
  pairAgent,
  startBrowser,
} from './screens.ts'

let stack: Stack
let browser: Browser
let context: BrowserContext
let page: Page
let manager: Api
let agent: ChildProcess
/** A site, a turnstile and a device that is switched off, all of this suite alone. */
let siteId: string
let gateId: string
let deadId: string
let simulator: string

beforeAll(async () => {
  ;[browser, stack] = await Promise.all([startBrowser(), startStack()])
  ;({ context, page } = await newPhone(browser))
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  ;({ id: siteId, agent } = await newSite(stack, manager, 'Loja'))
  const ports = JSON.parse(readFileSync(join(stack.dataDir, 'demo/ports.json'), 'utf8')) as Record<
    string,
    number
  >
  simulator = `http://127.0.0.1:${ports['foreign']}`
  const add = async (device: Record<string, unknown>) => {
    const path = `/api/installations/${siteId}/devices`
    return (await manager.call<{ id: string }>('POST', path, { ...device, viaAgent: true })).body.id
  }
  const credentials = { login: 'admin', password: 'admin' }
  gateId = await add({
    ...{ name: 'Catraca Loja', kind: 'turnstile', driver: 'control-id', baseUrl: simulator },
    credentials,
  })
  deadId = await add({
    ...{ name: 'Totem', kind: 'http', driver: 'http', baseUrl: 'http://127.0.0.1:9' },
  })
})

afterAll(async () => {
  agent?.kill('SIGKILL')
  await browser?.close()
  await stack?.stop()
})

const open = (path: string) => page.goto(stack.httpUrl + path)
const alert = () => page.getByRole('alert')

async function faults(body: Record<string, unknown>): Promise<void> {
  await fetch(`${simulator}/__simulator/faults`, { method: 'POST', body: JSON.stringify(body) })
}

test('a wrong password is refused without saying whether the account exists', async () => {
  await open('/')
  await page.getByLabel('E-mail').fill('gestor@demo.travessia')
  await page.getByLabel('Senha').fill('errada-errada')
  await page.getByRole('button', { name: 'Entrar', exact: true }).click()
  await alert().getByText('E-mail ou senha incorretos.').waitFor()
  await look(page, 'erros/01-senha-errada')
})

test('registering asks for every field and refuses a weak password', async () => {
  await page.getByRole('radio', { name: 'Registrar' }).check({ force: true })
  await page.getByLabel('Seu nome').fill('')
  await page.getByRole('button', { name: 'Registrar', exact: true }).click()
  const isMissing = await page
    .getByLabel('Seu nome')
    .evaluate(
      (input) => 'validity' in input && (input.validity as { valueMissing: boolean }).valueMissing,
    )
  expect(isMissing).toBe(true)
  await page.getByLabel('Seu nome').fill('Nova Pessoa')
  await page.getByLabel('Empresa ou condomínio').fill('Condomínio Novo')
  await page.getByLabel('E-mail').fill('nova@exemplo.com.br')
  await page.getByLabel('Senha').fill('12345')
  await page.getByRole('button', { name: 'Registrar', exact: true }).click()
  await alert().getByText('Escolha uma senha mais longa').waitFor()
  await look(page, 'erros/02-senha-fraca')
})

test('a refused command says that the device did not do it', async () => {
  await enter(page, stack, 'gestor@demo.travessia')
  await open(`/equipamentos/${gateId}`)
  await page.getByRole('link', { name: 'Gerenciar remotamente' }).waitFor()
  await faults({ denied: true })
  await hold(page, 'Liberar')
  await page.getByText('Recusado. Não foi executado.').waitFor()
  await look(page, 'erros/03-recusado')
  await faults({})
})

test('a command that reaches the agent too late is shown as expired and never opens the gate', async () => {
  const turns = async () => (await fetch(`${simulator}/__simulator/state`)).text()
  const before = await turns()
  agent.kill('SIGSTOP')
  await hold(page, 'Liberar')
  const expiresAt = await eventually(async () => {
    type Listed = { status: CommandStatus; expiresAt: string }
    const path = `/api/devices/${gateId}/commands`
    const { items } = await manager.get<{ items: Listed[] }>(path)
    const open = items.find(({ status }) => !isTerminal(status))
    return open && Date.parse(open.expiresAt)
  })
  await eventually(async () => Date.now() > expiresAt + 1_000)
  agent.kill('SIGCONT')
  await page.getByText('Chegou tarde demais e não foi executado.').waitFor()
  await look(page, 'erros/04-expirado')
  expect(await turns()).toBe(before)
})

test('a device that stands still is told nothing, and the screen says so', async () => {
  await faults({ hang: true })
  await hold(page, 'Liberar')
  await page
    .getByText('Nada aconteceu no equipamento. O equipamento demorou demais para responder.')
    .waitFor()
  await faults({})
})

test('a device that goes silent when it was told leaves the outcome unknown, and the screen says just that', async () => {
  await faults({ hang: 'commands' })
  await hold(page, 'Liberar')
  await page
    .getByText('Não se sabe se abriu. Verifique no local antes de repetir.')
    .waitFor({ timeout: 40_000 })
  await look(page, 'erros/05-desconhecido')
  await faults({})
})

test('a device that does not answer gets a page with the reason and the way back', async () => {
  await open(`/equipamentos/${deadId}/sessao`)
  const device = await openDevicePage(context, page)
  await device.getByText('O equipamento não responde em seu endereço.').waitFor()
  await look(device, 'erros/06-equipamento-sem-resposta')
  const address = device.url()
  await page.getByRole('button', { name: 'Encerrar' }).click()
  await page.getByText('Sessão encerrada.').waitFor()
  await device.goto(address)
  await device.getByText('Esta sessão remota terminou ou nunca existiu.').waitFor()
  await look(device, 'erros/07-sessao-encerrada')
  await device.close()
})

test('when the agent goes away the screen says so without a reload, and Liberar is off', async () => {
  await open(`/equipamentos/${gateId}`)
  await page.getByRole('link', { name: 'Gerenciar remotamente' }).waitFor()
  agent.kill('SIGKILL')
  await page.getByText('Agente offline: o equipamento não pode ser alcançado agora.').waitFor()
  expect(await page.getByRole('link', { name: 'Gerenciar remotamente' }).count()).toBe(0)
  expect(await page.getByRole('button', { name: 'Liberar', exact: true }).isDisabled()).toBe(true)
  await look(page, 'erros/08-agente-offline')
  await open(`/equipamentos/${gateId}/sessao`)
  await page.getByText('Agente offline: o equipamento não pode ser alcançado agora.').waitFor()
  const opener = page.getByRole('button', { name: 'Abrir a página do equipamento' })
  expect(await opener.isDisabled()).toBe(true)
  await look(page, 'erros/09-sessao-agente-offline')
})

test('a pairing code that ran out says so and offers another; a wrong one is refused at the agent', async () => {
  const { body } = await manager.call<{ id: string }>('POST', '/api/installations', {
    name: 'Nova',
  })
  const clocked = await context.newPage()
  await clocked.clock.install()
  await clocked.goto(`${stack.httpUrl}/parear?instalacao=${body.id}`)
  await clocked.getByRole('button', { name: 'Gerar código de pareamento' }).click()
  await clocked.getByText(/^Expira em \d+:\d\d$/).waitFor()
  await clocked.clock.fastForward('10:05')
  await clocked.getByText('O código expirou. Gere outro.').waitFor()
  await look(clocked, 'erros/10-codigo-expirado')
  await clocked.close()
  await expect(pairAgent(stack, 'ZZZZ-ZZZZ', 'Ninguém')).rejects.toThrow(
    /pairing code is wrong, used or expired/,
  )
})

test('an address of nobody and one of another customer look the same', async () => {
  const other = await new Api(stack.httpUrl).signIn('gestor@outro.travessia')
  const foreign = await deviceNamed(other, 'Sede')
  const addresses = [foreign.id, 'a'.repeat(26), `${foreign.id}/sessao`, `${foreign.id}/console`]
  const nowhere = ['/nada', '/abrir/nada', `/instalacoes/${foreign['installationId']}`]
  for (const path of [...nowhere, ...addresses.map((address) => `/equipamentos/${address}`)]) {
    await open(path)
    await page.getByText('Este endereço não existe ou você não tem acesso a ele.').waitFor()
    expect(await page.getByRole('button', { name: 'Tentar de novo' }).count(), path).toBe(0)
  }
  await look(page, 'erros/11-nada-por-aqui')
  await open(`/auditoria/sessoes/${'a'.repeat(26)}`)
  await page.getByText('Esta sessão não existe ou você não tem acesso a ela.').waitFor()
  await look(page, 'erros/11-sessao-que-nao-existe')
  await page.getByRole('link', { name: 'Ir para Auditoria' }).click()
  await page.getByRole('heading', { name: 'Auditoria' }).waitFor()
})

test('without a network the last picture stays, marked as old, and commands are off', async () => {
  await open('/')
  await page.getByRole('link', { name: /Matriz/ }).click()
  await page.getByRole('link', { name: /Catraca Entrada/ }).click()
  await page.getByRole('link', { name: 'Gerenciar remotamente' }).waitFor()
  await context.setOffline(true)
  await page.getByText(/^Sem internet\. Mostrando o que foi visto por último/).waitFor()
  expect(await page.getByRole('button', { name: 'Liberar', exact: true }).isDisabled()).toBe(true)
  await look(page, 'erros/12-sem-internet')
  await context.setOffline(false)
  await page.getByRole('link', { name: 'Gerenciar remotamente' }).waitFor()
})

test('a role that may not do something is told so where it would do it', async () => {
  const { page: reader, context: own } = await newPhone(browser)
  await enter(reader, stack, 'auditor@demo.travessia')
  await reader.goto(`${stack.httpUrl}/equipamentos/${gateId}`)
  await reader.getByText('Seu papel só permite ver.').waitFor()
  expect(await reader.getByRole('button', { name: 'Liberar', exact: true }).count()).toBe(0)
  await reader.goto(`${stack.httpUrl}/equipamentos/${gateId}/sessao`)
  await reader.getByRole('heading', { name: 'Sem permissão' }).waitFor()
  await look(reader, 'erros/13-sem-permissao')
  await reader.goto(`${stack.httpUrl}/parear`)
  await reader.getByText('Parear agentes é com gestores e administradores.').waitFor()
  await own.close()
})

test('somebody else’s open session is shown with its owner, and an operator may end it', async () => {
  const garage = await deviceNamed(manager, 'Garagem')
  const path = `/api/devices/${garage.id}/sessions`
  await eventually(
    async () => (await manager.call('POST', path, { reason: 'teste' })).status === 201,
  )
  const { page: operator, context: own } = await newPhone(browser)
  await enter(operator, stack, 'operador@demo.travessia')
  await operator.goto(`${stack.httpUrl}/equipamentos/${garage.id}/sessao`)
  await operator.getByRole('heading', { name: 'Outras pessoas neste equipamento' }).waitFor()
  await look(operator, 'erros/14-sessao-de-outra-pessoa')
  await operator.getByRole('button', { name: 'Encerrar a sessão de Gestora Ana' }).click()
  await operator.getByRole('dialog').getByRole('button', { name: 'Encerrar a sessão' }).click()
  await operator.getByText('Sessão encerrada.').waitFor()
  await operator.getByText('Gestora Ana').waitFor({ state: 'detached' })
  await operator.goto(`${stack.httpUrl}/auditoria`)
  await operator.getByText('Seu papel não lê a auditoria.').waitFor()
  await own.close()
})

test('too many wrong passwords show how long to wait', async () => {
  const { page: stranger, context: own } = await newPhone(browser)
  const wrong = { email: 'ninguem@exemplo.com.br', password: 'errada-errada' }
  const api = new Api(stack.httpUrl)
  const tries = Array.from({ length: 11 }, () => api.call('POST', '/api/auth/login', wrong))
  expect((await Promise.all(tries)).map(({ status }) => status)).toContain(429)
  await stranger.goto(stack.httpUrl)
  await stranger.getByLabel('E-mail').fill(wrong.email)
  await stranger.getByLabel('Senha').fill(wrong.password)
  await stranger.getByRole('button', { name: 'Entrar', exact: true }).click()
  await stranger.getByText(/^Tente de novo em \d+:\d\d\.$/).waitFor()
  await look(stranger, 'erros/15-tentativas-demais')
  await own.close()
})

test('a session page opened without its cookie is refused', async () => {
  const garage = await deviceNamed(manager, 'Garagem')
  const opened = await manager.call<{ url: string }>(
    'POST',
    `/api/devices/${garage.id}/sessions`,
    {},
  )
  expect((await fetchPage(new URL('/', opened.body.url).href)).status).toBe(403)
})
