/** An auditor's phone: an event is opened from the list and from a replay, checked in the browser, and cited for a report. */
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed, endOfCommand } from '../rig/api.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { enter, look, newPhone, startBrowser } from './screens.ts'

let stack: Stack
let browser: Browser
let page: Page
let sessionId: string

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startStack(), startBrowser()])
  const manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  const gate = await deviceNamed(manager, 'Catraca Entrada')
  const session = await enterSession(manager, gate.id, { reason: 'visita' })
  await fetchPage(`${session.base}/`, { headers: { cookie: session.cookie } })
  sessionId = session.sessionId
  const open = { command: 'OpenGate', args: { direction: 'both', reason: 'visitante' } }
  const issued = await manager.call('POST', `/api/devices/${gate.id}/commands`, open)
  await endOfCommand(manager, String(issued.body['commandId']))
  page = (await newPhone(browser)).page
  await enter(page, stack, 'auditor@demo.travessia')
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

const head = (name: string) => page.getByRole('heading', { name }).waitFor()

test('an event is opened from the list, checked in this browser, and cited so that another one is told apart', async () => {
  await page.goto(`${stack.httpUrl}/auditoria?ver=eventos&tipo=command`)
  const row = page.getByRole('article').filter({ hasText: 'Gestora Ana mandou liberar' }).first()
  await row.getByText('Detalhes').click()
  await row.getByRole('link', { name: 'Prova e citação' }).click()
  await head('Conferido neste aparelho')
  await page.getByText(/^Gestora Ana mandou liberar Catraca/).waitFor()
  await look(page, '31-evento')
  const citation = (await page.getByText(/^Travessia, registro travessia\//).textContent()) ?? ''
  const [url = '', place, hash = ''] =
    /\S+\/auditoria\/eventos\/(\d+)\?hash=([0-9a-f]{64})$/.exec(citation) ?? []
  expect(citation).toContain(`evento #${place}, `)
  await page.getByRole('img', { name: 'QR com o endereço deste evento' }).scrollIntoViewIfNeeded()
  await look(page, '32-citacao')
  await page.goto(url)
  await head('Conferido neste aparelho')
  await page.goto(url.replace(hash, '0'.repeat(64)))
  await head('Não é o evento citado')
  await look(page, 'erros/16-outro-evento')
  await page.emulateMedia({ colorScheme: 'dark' })
  await look(page, 'erros/17-outro-evento-escuro')
  await page.goto(url)
  await head('Conferido neste aparelho')
  await look(page, '33-evento-escuro')
  await page.setViewportSize({ width: 1280, height: 900 })
  await look(page, '34-mesa-evento')
})

test('an event is opened from the replay of its session, and leads back to it', async () => {
  await page.goto(`${stack.httpUrl}/auditoria/sessoes/${sessionId}`)
  const line = page.getByRole('listitem').filter({ hasText: /GET/ }).first()
  await line.getByText('Detalhes').click()
  await line.getByRole('link', { name: 'Prova e citação' }).first().click()
  await head('Conferido neste aparelho')
  await page.getByRole('link', { name: 'Ver a sessão' }).click()
  await page.waitForURL(new RegExp(`/auditoria/sessoes/${sessionId}$`))
})
