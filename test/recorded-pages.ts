/** A device whose pages are recorded, behind a real node and a real agent: people who use it in Chromium, and an auditor at a desk. */
import { createServer, type Server } from 'node:http'
import type { Browser, Page } from 'playwright'
import { factsOf, type Item } from '../rig/api.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { listen } from '../rig/own-device.ts'
import { rethrownAfter } from '../rig/processes.ts'
import { type BareNode, startBareNode } from './bare-node.ts'
import { type Looks, looksOf, recordedDevice } from './recorded-device.ts'
import { startBrowser } from './screens.ts'

const auditor = { email: 'auditora@teste.travessia', password: 'only-for-this-auditor' }
const stage = `document.querySelector('iframe[src="/stage.html"]').contentDocument`
/** The page that the auditor sees again. */
export const replayed = `${stage}?.querySelector('iframe')?.contentDocument`

export type Mode = 'host' | 'path'
type Started = {
  readonly browser: Browser
  readonly node: BareNode
  readonly agent: OwnAgent
  readonly server: Server
  readonly device: Item
}

export class RecordedPages {
  readonly browser: Browser
  readonly node: BareNode
  readonly desk: Page
  readonly #started: Started

  constructor(started: Started, desk: Page) {
    this.#started = started
    this.browser = started.browser
    this.node = started.node
    this.desk = desk
  }

  async visit(mode: Mode, page?: Page): Promise<Visit> {
    const own = page ?? (await (await this.browser.newContext()).newPage())
    own.setDefaultTimeout(30_000)
    const path = `/api/devices/${this.#started.device.id}/sessions`
    const { body } = await this.node.admin.call<Opened>('POST', path, { mode })
    await own.goto(body.url)
    return new Visit(own, this.node, body)
  }

  facts(sessionId: string): ReturnType<typeof factsOf> {
    return factsOf(this.node.admin, `&sessionId=${sessionId}`)
  }

  /** What the browser sent of the screen, as the auditor's tools get it. */
  async recordings(sessionId: string): Promise<string[]> {
    const facts = await this.facts(sessionId)
    const stored = facts.filter(({ type }) => type === 'DomRecordingStored')
    return Promise.all(stored.map(({ data }) => this.body(sessionId, String(data['ref']))))
  }

  async body(sessionId: string, ref: string): Promise<string> {
    const path = `/api/audit/sessions/${sessionId}/bodies/${ref}`
    const headers = { authorization: `Bearer ${this.node.admin.token}` }
    return (await fetch(this.node.httpUrl + path, { headers })).text()
  }

  /** What is missing of it, as the log tells. */
  async gaps(sessionId: string): Promise<Array<Record<string, unknown>>> {
    const facts = await this.facts(sessionId)
    return facts.flatMap(({ type, data }) => (type === 'RecordingGapDetected' ? [data] : []))
  }

  async openReplay(sessionId: string, seconds: number): Promise<void> {
    await this.desk.goto(`${this.node.httpUrl}/auditoria/sessoes/${sessionId}?t=${seconds}`)
    await this.desk.getByRole('slider').waitFor()
  }

  /** undefined: nothing is shown yet. */
  looksAgain(): Promise<Looks | undefined> {
    return this.desk.evaluate<Looks | undefined>(
      `${replayed}?.getElementById('state') ? (${looksOf})(${replayed}) : undefined`,
    )
  }

  async stop(): Promise<void> {
    const { agent, server } = this.#started
    agent.process.kill('SIGKILL')
    await this.browser.close()
    server.close()
    await this.node.stop()
  }
}

type Opened = { readonly sessionId: string; readonly url: string }
export type Pressed = { readonly looks: Looks; readonly at: number }

class Visit {
  readonly sessionId: string
  readonly base: string
  readonly page: Page
  /** What the browser said of the page. */
  readonly said: string[] = []
  readonly #node: BareNode

  constructor(page: Page, node: BareNode, { sessionId, url }: Opened) {
    this.page = page
    this.sessionId = sessionId
    this.base = url.replace(/\/__travessia\/.*$/, '')
    this.#node = node
    page.on('console', (message) => this.said.push(message.text()))
    page.on('pageerror', (error) => this.said.push(error.message))
  }

  async end(): Promise<void> {
    await this.page.goto('about:blank')
    await this.page.context().close()
    await this.#node.admin.call('DELETE', `/api/sessions/${this.sessionId}`)
  }

  async press(state: string): Promise<Pressed> {
    await this.page.getByRole('button', { name: 'Ligar ou desligar' }).click()
    await this.page.locator('#state', { hasText: new RegExp(`^${state}$`) }).waitFor()
    const looks = await this.page.evaluate<Looks>(`(${looksOf})(document)`)
    return { looks, at: Date.now() }
  }
}

export async function startRecordedPages(): Promise<RecordedPages> {
  const [browser, node] = await Promise.all([startBrowser(), startBareNode()])
  return startBetween(browser, node).catch(
    rethrownAfter(() => Promise.all([browser.close(), node.stop()])),
  )
}

async function startBetween(browser: Browser, node: BareNode): Promise<RecordedPages> {
  const agent = await startOwnAgent(node, node.admin, 'Poço')
  const server = createServer(recordedDevice)
  const fields = { name: 'Bomba', baseUrl: await listen(server), capture: 'dom' }
  const device = await registerDevice(node.admin, agent.installationId, fields)
  await node.admin.call('POST', '/api/users', { ...auditor, name: 'Auditora', role: 'auditor' })
  const desk = await auditorsDesk(browser, node.httpUrl)
  return new RecordedPages({ browser, node, agent, server, device }, desk)
}

async function auditorsDesk(browser: Browser, httpUrl: string): Promise<Page> {
  const desk = await (await browser.newContext({ locale: 'pt-BR' })).newPage()
  desk.setDefaultTimeout(30_000)
  await desk.goto(httpUrl)
  await desk.getByLabel('E-mail').fill(auditor.email)
  await desk.getByLabel('Senha').fill(auditor.password)
  await desk.locator('form').getByRole('button', { name: 'Entrar' }).click()
  await desk.getByRole('heading', { name: 'Instalações' }).waitFor()
  return desk
}
