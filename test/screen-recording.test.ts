/**
 * A device's page as a person used it, and as an auditor sees it again: through a node, a paired agent and Chromium, on a host of
 * its own and under a path (ADR 29). What is typed is nowhere, and the page does not notice.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readDirectory, readEntry } from '@travessia/schemas/evidence/unzip'
import type { Browser, Page, Route } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { listen } from '../rig/own-device.ts'
import { type BareNode, startBareNode } from './bare-node.ts'
import { type Looks, looksOf, recordedDevice } from './recorded-device.ts'
import { look, newPhone, phone, startBrowser, violations } from './screens.ts'

const auditor = { email: 'auditora@teste.travessia', password: 'only-for-this-auditor' }
const typed = ['nome-digitado', 'senha-digitada', 'nota-digitada', 'livre-digitado']
const idleMs = 8_000
let node: BareNode
let agent: OwnAgent
let browser: Browser
let deviceServer: Server
let device: Item
let desk: Page

beforeAll(async () => {
  ;[browser, node] = await Promise.all([startBrowser(), startBareNode()])
  agent = await startOwnAgent(node, node.admin, 'Poço')
  deviceServer = createServer(recordedDevice)
  const fields = { name: 'Bomba', baseUrl: await listen(deviceServer), capture: 'dom' }
  device = await registerDevice(node.admin, agent.installationId, fields)
  await node.admin.call('POST', '/api/users', { ...auditor, name: 'Auditora', role: 'auditor' })
  desk = await (await browser.newContext({ locale: 'pt-BR' })).newPage()
  desk.setDefaultTimeout(15_000)
  await desk.goto(node.httpUrl)
  await desk.getByLabel('E-mail').fill(auditor.email)
  await desk.getByLabel('Senha').fill(auditor.password)
  await desk.locator('form').getByRole('button', { name: 'Entrar' }).click()
  await desk.getByRole('heading', { name: 'Instalações' }).waitFor()
  // Both at once: most of it is time in which nothing happens.
  ;[used.host, used.path] = await Promise.all([use('host'), use('path')])
})

afterAll(async () => {
  agent?.process.kill('SIGKILL')
  await browser?.close()
  deviceServer?.close()
  await node?.stop()
})

type Mode = 'host' | 'path'

class Visit {
  readonly sessionId: string
  readonly base: string
  readonly page: Page
  /** What the browser said of the page. */
  readonly said: string[] = []

  constructor(page: Page, { sessionId, url }: { sessionId: string; url: string }) {
    this.page = page
    this.sessionId = sessionId
    this.base = url.replace(/\/__travessia\/.*$/, '')
    page.on('console', (message) => this.said.push(message.text()))
    page.on('pageerror', (error) => this.said.push(error.message))
  }

  static async start(mode: Mode, page?: Page): Promise<Visit> {
    const own = page ?? (await (await browser.newContext()).newPage())
    own.setDefaultTimeout(15_000)
    const path = `/api/devices/${device.id}/sessions`
    const { body } = await node.admin.call<{ sessionId: string; url: string }>('POST', path, {
      mode,
    })
    await own.goto(body.url)
    return new Visit(own, body)
  }

  async end(): Promise<void> {
    await this.page.goto('about:blank')
    await this.page.context().close()
    await node.admin.call('DELETE', `/api/sessions/${this.sessionId}`)
  }

  async press(state: string): Promise<{ looks: Looks; at: number }> {
    await this.page.getByRole('button', { name: 'Ligar ou desligar' }).click()
    await this.page.locator('#state', { hasText: new RegExp(`^${state}$`) }).waitFor()
    const looks = await this.page.evaluate<Looks>(`(${looksOf})(document)`)
    return { looks, at: Date.now() }
  }
}

const factsIn = (sessionId: string) => factsOf(node.admin, `&sessionId=${sessionId}`)

/** What the browser sent of the screen, as the auditor's tools get it. */
async function recordedIn(sessionId: string): Promise<string[]> {
  const stored = (await factsIn(sessionId)).filter(({ type }) => type === 'DomRecordingStored')
  const path = `/api/audit/sessions/${sessionId}/bodies/`
  return Promise.all(stored.map(({ data }) => textOf(path + String(data['ref']))))
}

async function textOf(path: string): Promise<string> {
  const headers = { authorization: `Bearer ${node.admin.token}` }
  return (await fetch(node.httpUrl + path, { headers })).text()
}

/** What is missing of it, as the log tells. */
async function gapsIn(sessionId: string): Promise<Array<Record<string, unknown>>> {
  const gaps = (await factsIn(sessionId)).filter(({ type }) => type === 'RecordingGapDetected')
  return gaps.map(({ data }) => data)
}

const stage = `document.querySelector('iframe[src="/stage.html"]').contentDocument`
const replayed = `${stage}?.querySelector('iframe')?.contentDocument`
/** undefined: nothing is shown yet. */
const looksAgain = () =>
  desk.evaluate<Looks | undefined>(
    `${replayed}?.getElementById('state') ? (${looksOf})(${replayed}) : undefined`,
  )

type Pressed = Awaited<ReturnType<Visit['press']>>
type Used = { sessionId: string; on: Pressed; off: Pressed; said: readonly string[] }
const used = {} as Record<Mode, Used>

async function use(mode: Mode): Promise<Used> {
  const visit = await Visit.start(mode)
  const labels = ['Nome', 'Senha', 'Nota', 'Livre']
  for (const [index, label] of labels.entries())
    await visit.page.getByLabel(label).pressSequentially(String(typed[index]))
  await visit.page.getByLabel('Sentido').selectOption('direita')
  const on = await visit.press('ligado')
  await sleep(idleMs)
  const off = await visit.press('desligado')
  await sleep(500)
  await visit.end()
  return { sessionId: visit.sessionId, on, off, said: visit.said }
}

describe.each<Mode>(['host', 'path'])('%s mode', (mode) => {
  let sessionId: string
  let on: Pressed
  let off: Pressed
  let said: readonly string[]

  beforeAll(() => {
    ;({ sessionId, on, off, said } = used[mode])
  })

  /** Where this is in the replay, in seconds. */
  async function instantOf(ms: number): Promise<number> {
    const [first] = await factsIn(sessionId)
    return (ms - Date.parse(String(first?.['at']))) / 1_000
  }
  async function openAt(seconds: number): Promise<void> {
    await desk.goto(`${node.httpUrl}/auditoria/sessoes/${sessionId}?t=${seconds}`)
    await desk.getByRole('slider').waitFor()
  }

  test('the page works as without the recorder, and neither it nor its policy notices', () => {
    expect(on.looks).toEqual({
      ...{ title: 'Bomba do poço', color: 'rgb(1, 2, 3)', state: 'ligado', signs: ['feito'] },
      ...{ pictures: [1, 1], background: true, pressure: '4 bar', direction: 'direita' },
      ...{ filled: [true, true, true, true], disturbed: '' },
    })
    expect(off.looks).toMatchObject({ state: 'desligado', signs: ['feito', 'feito'] })
    expect(said).toEqual([])
  })

  test('the auditor sees the page as the manager saw it, its frame and its pictures too, at the instant of a link', async () => {
    await openAt(await instantOf((on.at + off.at) / 2))
    await expect.poll(looksAgain).toEqual(on.looks)
    expect(await violations(desk, `tela gravada, ${mode}`)).toEqual([])
    // The recording lies later by what its quickest batch took to the node; after the end of the session is its end.
    await openAt(await instantOf(off.at + idleMs / 2))
    await expect.poll(looksAgain).toEqual(off.looks)
  })

  test('it plays sixteen times as fast, and skips what nobody did', async () => {
    await openAt(0)
    const state = async () => (await looksAgain())?.state
    await desk.getByLabel('Velocidade').selectOption('16')
    await desk.getByLabel('Pular inatividade').uncheck()
    const play = desk.getByRole('button', { name: 'Reproduzir' })
    let startedAt = Date.now()
    await play.click()
    await expect.poll(state, { interval: 20 }).toBe('ligado')
    await expect.poll(state).toBe('desligado')
    await play.waitFor()
    expect(Date.now() - startedAt).toBeLessThan(idleMs / 2)
    await openAt(await instantOf(on.at + 1_000))
    await expect.poll(state).toBe('ligado')
    startedAt = Date.now()
    await play.click()
    await expect.poll(state).toBe('desligado')
    expect(Date.now() - startedAt).toBeLessThan(idleMs - 2_000)
  })

  test('what was typed is nowhere: not in the log, its files, the copies, the bundle, nor how long it was', async () => {
    const recorded = await recordedIn(sessionId)
    const answered = (await factsIn(sessionId)).flatMap(({ data }) => {
      const bodies = [data['requestBody'], data['responseBody']] as Array<{ ref?: string }>
      return bodies.flatMap((body) => body?.ref ?? [])
    })
    const path = `/api/audit/sessions/${sessionId}/bodies/`
    const copies = await Promise.all(answered.map((ref) => textOf(path + ref)))
    const files = readdirSync(node.dataDir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    const all = [...recorded, ...copies, ...files, ...(await bundled(sessionId))].join('\n')
    expect(all).toContain('Bomba do poço')
    expect(typed.filter((text) => all.includes(text))).toEqual([])
    expect(recorded.join('')).not.toContain('lote-oculto')
    expect(recorded.join('')).not.toMatch(/\*{4}|•{7}/)
  })

  test('a page whose own mark forbids every connection is recorded too, undisturbed', async () => {
    const visit = await Visit.start(mode)
    await visit.page.goto(`${visit.base}/silent`)
    await eventually(async () => (await recordedIn(visit.sessionId)).join('').includes('Calada'))
    expect(await visit.page.evaluate('document.documentElement.dataset.disturbed')).toBeUndefined()
    expect(visit.said).toEqual([])
    await visit.end()
  })
})

/** Every file of the session's bundle. */
async function bundled(sessionId: string): Promise<string[]> {
  const path = `/api/audit/export?format=bundle&sessionId=${sessionId}`
  const headers = { authorization: `Bearer ${node.admin.token}` }
  const bytes = new Uint8Array(await (await fetch(node.httpUrl + path, { headers })).arrayBuffer())
  const file = {
    size: bytes.length,
    read: async (from: number, to: number) => bytes.subarray(from, to),
  }
  const texts: string[] = []
  for (const entry of (await readDirectory(file)).values()) {
    const chunks: Uint8Array[] = []
    for await (const chunk of readEntry(file, entry)) chunks.push(chunk)
    texts.push(Buffer.concat(chunks).toString())
  }
  return texts
}

/** What a script of a device's page may try: a description of its own, sent to a session. */
const forge = (url: string, count: number) => `(async () => {
  const body = JSON.stringify({ page: 'forged', events: [{ type: 4, timestamp: 1, data: 'forjado' }] })
  const statuses = []
  for (let n = 0; n < ${count}; n += 1)
    statuses.push(await fetch(${JSON.stringify(url)}, { method: 'POST', mode: 'no-cors', body, credentials: 'include' })
      .then((answer) => answer.status, () => 0))
  return statuses
})()`
const dom = '/__travessia/dom'

test('a page cannot put a recording into another session, though the browser has its cookie', async () => {
  const victim = await Visit.start('host')
  const page = await victim.page.context().newPage()
  const attacker = await Visit.start('host', page)
  await page.goto(`${attacker.base}/loose`)
  const refused = page.waitForResponse((answer) => answer.url() === victim.base + dom)
  await page.evaluate(forge(victim.base + dom, 1))
  expect((await refused).status()).toBe(403)
  await page.evaluate(forge(attacker.base + dom, 1))
  await expect
    .poll(async () => (await recordedIn(attacker.sessionId)).join(''))
    .toContain('forjado')
  expect((await recordedIn(victim.sessionId)).join('')).not.toContain('forjado')
  await attacker.end()
})

test('a page that floods the recorder fills nothing, the refusals are in the log, and it goes on working', async () => {
  const visit = await Visit.start('host')
  await visit.page.goto(`${visit.base}/loose`)
  const statuses = await visit.page.evaluate<number[]>(forge(visit.base + dom, 200))
  expect(statuses.filter((status) => status === 204).length).toBeLessThan(60)
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(100)
  await visit.page.goto(visit.base)
  expect((await visit.press('ligado')).looks.state).toBe('ligado')
  await eventually(async () =>
    (await gapsIn(visit.sessionId)).some(({ cause }) => cause === 'rate'),
  )
  await visit.end()
})

test('a page that is larger than a message is recorded in pieces, and one that is too large for that is a gap to read', async () => {
  const visit = await Visit.start('host')
  await visit.page.goto(`${visit.base}/large`)
  const pieces = async () =>
    (await recordedIn(visit.sessionId)).filter((text) => text.includes('"piece":{'))
  await eventually(async () => {
    const [first, ...more] = (await pieces()).map((text) => JSON.parse(text).piece)
    return first?.count > 2 && more.length === first.count - 1
  })
  expect(await gapsIn(visit.sessionId)).toEqual([])
  await visit.page.goto(`${visit.base}/huge`)
  await eventually(async () => (await gapsIn(visit.sessionId)).length > 0)
  expect(await gapsIn(visit.sessionId)).toMatchObject([{ cause: 'too-large', parts: 1 }])
  expect(visit.said).toEqual([])
  await visit.end()
  await desk.goto(`${node.httpUrl}/auditoria/sessoes/${visit.sessionId}?t=600`)
  await desk.getByText('Lacuna na gravação da tela de Bomba: a página é grande demais').waitFor()
  await desk.getByText('Partes da tela não foram gravadas').waitFor()
  const paragraphs = `${replayed}?.querySelectorAll('p').length`
  await expect.poll(() => desk.evaluate<number>(paragraphs), { timeout: 20_000 }).toBe(5_000)
  expect(await violations(desk, 'lacuna na gravação')).toEqual([])
})

test('a session of whose screen nothing was recorded says why where the picture would be', async () => {
  const { page } = await newPhone(browser)
  const broken = { postData: JSON.stringify({ page: 'abc', lost: 'broken' }) }
  await page.route('**/__travessia/dom', (route) => route.continue(broken))
  const visit = await Visit.start('host', page)
  await eventually(async () => (await gapsIn(visit.sessionId)).length > 0)
  await visit.end()
  await desk.setViewportSize(phone)
  await desk.goto(`${node.httpUrl}/auditoria/sessoes/${visit.sessionId}`)
  const screen = desk.getByRole('region', { name: 'Tela' })
  const sentence = 'Lacuna na gravação da tela de Bomba: a página não se deixou gravar'
  await screen.getByText(sentence).waitFor()
  await desk.getByRole('region', { name: 'Linha do tempo' }).getByText(sentence).waitFor()
  await look(desk, 'lacuna-sem-tela')
  await desk.setViewportSize({ width: 1280, height: 720 })
})

test('a page of which several messages are refused is silent for ten seconds after the last one, and describes itself anew once', async () => {
  const visit = await Visit.start('host')
  const { clock } = visit.page
  const sent: Route[] = []
  const pictures = () => sent.filter((route) => route.request().postData()?.includes('"index":0'))
  const refuse = async (route: Route) => {
    await route.fulfill({ status: 429 })
    await route.request().response()
    await visit.page.evaluate('0')
  }
  await clock.install()
  await visit.page.route('**/__travessia/dom', (route) => void sent.push(route))
  await visit.page.goto(`${visit.base}/large`)
  await eventually(async () => pictures().length === 1)
  // What the page did since then goes out, too: nothing is left to be sent.
  await clock.pauseAt(Date.now() + 60_000)
  await sleep(500)
  const refused = [...sent]
  for (const route of refused) {
    await clock.runFor(6_000)
    await refuse(route)
  }
  await clock.runFor(9_000)
  expect(refused.length).toBeGreaterThan(1)
  expect(sent).toHaveLength(refused.length)
  await clock.runFor(1_500)
  await eventually(async () => pictures().length === 2)
  await clock.runFor(30_000)
  await sleep(500)
  expect(pictures()).toHaveLength(2)
  await visit.end()
})

test('what the network lost is a gap, told when it works again', async () => {
  const visit = await Visit.start('host')
  const causes = async () => (await gapsIn(visit.sessionId)).map(({ cause }) => cause)
  let isCut = false
  await visit.page.route('**/__travessia/dom', (route) => {
    isCut = true
    return route.abort()
  })
  await visit.press('ligado')
  await eventually(async () => isCut)
  await visit.page.unroute('**/__travessia/dom')
  await eventually(async () => (await causes()).includes('unsent'), { withinMs: 25_000 })
  await visit.end()
})

test('a page that goes away before all of it was sent is a gap', async () => {
  const visit = await Visit.start('host')
  let isHeld = false
  await visit.page.route('**/__travessia/dom', (route) => {
    if (!route.request().postData()?.includes('"piece":{')) return route.continue()
    isHeld = true
    return undefined
  })
  await visit.page.goto(`${visit.base}/large`)
  await eventually(async () => isHeld)
  await visit.page.goto(`${visit.base}/loose`)
  await eventually(async () =>
    (await gapsIn(visit.sessionId)).some(({ cause }) => cause === 'unsent'),
  )
  await visit.end()
})

test('what a page shows as it goes away is a gap where it has more bytes than a last message, whatever it is written in', async () => {
  const visit = await Visit.start('host')
  await visit.page.goto(`${visit.base}/loose`)
  await eventually(async () => (await recordedIn(visit.sessionId)).join('').includes('Solta'))
  // Fewer characters than that; the event comes right after, so that nothing of it was sent before.
  await visit.page.evaluate(`document.body.append('ã'.repeat(40_000))
    Promise.resolve().then(() => dispatchEvent(new Event('pagehide')))`)
  const isTold = async () => (await gapsIn(visit.sessionId)).some(({ cause }) => cause === 'unsent')
  // A page that stays tells it 10 s later whatever happens.
  await eventually(isTold, { withinMs: 6_000 })
  await visit.end()
})
