/** What makes it an app: installable, offline, live, accessible in every dress, and closed to hostile device pages. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed, factsOf, type Item, unended } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { pidsOf } from '../rig/processes.ts'
import { type Stack, startStack, whileGone } from '../rig/stack.ts'
import { capturedDevice } from './captured-device.ts'
import { hostileForm, hostilePage, hostileScript } from './hostile-page.ts'
import {
  enter,
  newPhone,
  newSite,
  openDevicePage,
  phone,
  startBrowser,
  violations,
} from './screens.ts'

let stack: Stack
let browser: Browser
let context: BrowserContext
let page: Page
let manager: Api
let gate: Item

beforeAll(async () => {
  ;[browser, stack] = await Promise.all([startBrowser(), startStack()])
  ;({ context, page } = await newPhone(browser))
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  gate = await deviceNamed(manager, 'Entrada')
  await enter(page, stack, 'gestor@demo.travessia')
})

afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

// What one test takes away, the next one has again.
afterEach(() => context.setOffline(false))

const open = (path: string, at = page) => at.goto(stack.httpUrl + path)

test('Chromium finds nothing wrong with the manifest and would install the app', async () => {
  const cdp = await context.newCDPSession(page)
  const { errors, data } = await cdp.send('Page.getAppManifest')
  expect(errors).toEqual([])
  expect(JSON.parse(data ?? '{}')).toMatchObject({ name: 'Travessia', display: 'standalone' })
  const { installabilityErrors } = await cdp.send('Page.getInstallabilityErrors')
  expect(installabilityErrors.map(({ errorId }) => errorId)).toEqual(
    installabilityErrors.some(({ errorId }) => errorId === 'in-incognito') ? ['in-incognito'] : [],
  )
})

test('a status change reaches the screen by itself, and the return too', async () => {
  await open('/')
  await page.getByText('2 online').waitFor()
  const [pid] = pidsOf('travessia-agent.js', 'run', `${stack.dataDir}/demo/agent-filial`)
  if (pid === undefined) throw new Error('the agent of Filial does not run')
  await whileGone(stack, pid, async () => {
    await page.getByText('1 offline').waitFor()
    await page.getByRole('link', { name: /Filial.*Offline/ }).waitFor()
  })
  await page.getByText('2 online').waitFor()
})

test('after one visit a deep address starts without a network, old data marked, commands off', async () => {
  await open(`/equipamentos/${gate.id}`)
  await page.getByRole('link', { name: 'Gerenciar remotamente' }).waitFor()
  await page.evaluate('navigator.serviceWorker.ready.then(() => undefined)')
  // What is shown is kept a moment later.
  await expect.poll(async () => (await kept()).rows).toContain(`/api/devices/${gate.id}`)
  await context.setOffline(true)
  const startedAt = Date.now()
  await page.reload()
  await page.getByRole('heading', { name: 'Catraca Entrada Principal' }).waitFor()
  expect(Date.now() - startedAt).toBeLessThan(10_000)
  await page.getByText(/Dados de \d\d:\d\d; podem ter mudado\./).waitFor()
  await page.getByText('Sem internet. Mostrando o que foi visto por último').waitFor()
  expect(await page.getByRole('button', { name: 'Liberar', exact: true }).isDisabled()).toBe(true)
  await context.setOffline(false)
  await page.getByRole('link', { name: 'Gerenciar remotamente' }).waitFor()
  await page.getByText(/podem ter mudado/).waitFor({ state: 'detached' })
})

test('ten seconds without the live stream are said, with the time of the data', async () => {
  await page.route('**/api/events*', (route) => route.abort())
  await open('/')
  const said = page.getByText(/^Sem conexão em tempo real; dados de \d\d:\d\d:\d\d\.$/)
  await said.waitFor({ timeout: 25_000 })
  await page.unroute('**/api/events*')
  await page.getByText('Sem conexão em tempo real').waitFor({ state: 'detached' })
})

test('a device page cannot reach the app: no request, frame, window, cookie, worker or message', async () => {
  const device: Server = createServer(hostilePage)
  await new Promise<void>((done) => device.listen(0, '127.0.0.1', done))
  const baseUrl = `http://127.0.0.1:${(device.address() as AddressInfo).port}`
  const { id: siteId, agent } = await newSite(stack, manager, 'Armadilha')
  try {
    const path = `/api/installations/${siteId}/devices`
    const body = { name: 'Isca', kind: 'http', driver: 'http', baseUrl, viaAgent: true }
    const { body: bait } = await manager.call<Item>('POST', path, body)
    const sitesBefore = (await manager.get<{ items: Item[] }>('/api/installations')).items.length
    const cookiesBefore = await context.cookies(stack.httpUrl)
    await open(`/equipamentos/${bait.id}/sessao`)
    const trap = await openDevicePage(context, page)
    await trap.getByRole('heading', { name: 'Isca' }).waitFor()
    const seen = await trap.evaluate(`(${hostileScript})('${stack.httpUrl}')`)
    expect(seen).toEqual({
      ...{ opener: 'none', read: 'refused', storage: 'empty', workerRegistered: false },
      ...{ frame: 'unreadable', window: 'unreadable', cookie: 'invisible' },
    })
    const framed = trap.frames().find((frame) => frame !== trap.mainFrame())
    expect(framed?.url()).toMatch(/^(chrome-error:|about:blank)/)
    // A form, which needs no permission to be sent, and what it got for an answer.
    const answer = trap.waitForResponse((response) => response.url().includes('/api/installations'))
    await trap.evaluate(`(${hostileForm})('${stack.httpUrl}')`)
    expect((await answer).status()).toBeGreaterThanOrEqual(400)
    const sites = (await manager.get<{ items: Item[] }>('/api/installations')).items
    expect(sites.length).toBe(sitesBefore)
    expect(await context.cookies(stack.httpUrl)).toEqual(cookiesBefore)
    for (const other of context.pages()) if (other !== page) await other.close()
    await open('/')
    await page.getByRole('heading', { name: 'Instalações' }).waitFor()
  } finally {
    agent.kill('SIGKILL')
    device.close()
  }
})

test('a captured page is shown again with its styles and pictures, and nothing of it runs or leaves', async () => {
  const reached: string[] = []
  const outside = createServer((request, response) => {
    reached.push(String(request.url))
    response.end()
  })
  const outsideUrl = await listening(outside)
  const device = createServer(capturedDevice(() => outsideUrl))
  try {
    const baseUrl = await listening(device)
    const body = { name: 'Gravado', kind: 'http', driver: 'http', baseUrl, capture: 'bodies' }
    const devices = `/api/installations/${gate['installationId']}/devices`
    const made = await manager.call<Item>('POST', devices, { ...body, viaAgent: true })
    await open(`/equipamentos/${made.body.id}/sessao`)
    await page.getByText('O conteúdo das páginas desta sessão fica gravado.').waitFor()
    const tab = await openDevicePage(context, page)
    await tab.getByRole('heading', { name: 'Painel gravado' }).waitFor()
    await tab.waitForLoadState('networkidle')
    await tab.close()
    await page.getByRole('button', { name: 'Encerrar' }).click()
    await page.getByText('Sessão encerrada.').waitFor()
    const { items } = await manager.get<{ items: Item[] }>(
      `/api/audit/sessions?deviceId=${made.body.id}`,
    )
    const isKept = async () =>
      unended(await factsOf(manager, `&sessionId=${items[0]?.id}`)).length === 0
    await eventually(isKept, { what: 'all that passed kept' })
    reached.length = 0
    await open(`/auditoria/sessoes/${items[0]?.id}?t=9999`)
    const stage = page.locator('iframe[src="/stage.html"]')
    const frame = stage.contentFrame().locator('iframe')
    const html = String(await frame.getAttribute('srcdoc'))
    for (const part of ['Painel gravado', 'rgb(1, 2, 3)', 'src="data:image/png;base64,'])
      expect(html).toContain(part)
    expect(html).not.toContain(outsideUrl)
    // The stage alone, given the page as the device would have it.
    const raw = await (await fetch(baseUrl)).text()
    const hostile = raw
      .replace('900', '0')
      .replace('</script>', `;parent.parent.location = '/'</script>`)
    const message = JSON.stringify({ kind: 'page', title: 'x', html: hostile })
    await page.evaluate(
      `document.querySelector('iframe[src="/stage.html"]').contentWindow.postMessage(${message}, location.origin)`,
    )
    await expect.poll(() => frame.getAttribute('srcdoc')).toContain(outsideUrl)
    await stage.click()
    await page.waitForTimeout(1_500)
    expect(reached).toEqual([])
    expect(page.url()).toContain('/auditoria/sessoes/')
    expect(await violations(page, 'página gravada')).toEqual([])
  } finally {
    device.close()
    outside.close()
  }
})

async function listening(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('every screen keeps the accessibility rules: both themes, both languages, phone and desktop', async () => {
  const { items } = await manager.get<{ items: Item[] }>('/api/audit/sessions')
  const { items: sites } = await manager.get<{ items: Item[] }>('/api/installations')
  const camera = await deviceNamed(manager, 'Câmera')
  const printer = await deviceNamed(manager, 'Impressora')
  const screens = [
    ...['/', `/instalacoes/${sites.find(({ name }) => name === 'Matriz')?.id}`, '/parear'],
    ...[`/equipamentos/${gate.id}`, `/equipamentos/${camera.id}`],
    `/equipamentos/${printer.id}`,
    ...[`/equipamentos/${gate.id}/sessao`, '/auditoria', '/auditoria?ver=eventos'],
    ...[`/auditoria/sessoes/${items[0]?.id}`, '/ajustes', '/nada'],
  ]
  const found: string[] = []
  // Every theme with every width and every language, without all eight of each screen.
  const desktop = { width: 1280, height: 800 }
  const light = { colorScheme: 'light' } as const
  const dark = { colorScheme: 'dark' } as const
  for (const { language, choice, dresses } of [
    {
      ...{ language: 'pt-BR', choice: 'Português' },
      dresses: [
        { ...dark, viewport: desktop },
        { ...light, viewport: phone },
      ],
    },
    {
      ...{ language: 'en', choice: 'English' },
      dresses: [
        { ...light, viewport: desktop },
        { ...dark, viewport: phone },
      ],
    },
  ]) {
    await open('/ajustes')
    await page.getByRole('radio', { name: choice }).check({ force: true })
    await page.locator(`html[lang="${language}"]`).waitFor()
    for (const path of screens) {
      await open(path)
      await page.locator('h1').first().waitFor()
      await page.locator('[aria-busy]').waitFor({ state: 'detached' })
      for (const { colorScheme, viewport } of dresses) {
        await page.emulateMedia({ colorScheme })
        await page.setViewportSize(viewport)
        found.push(...(await violations(page, `${path} ${language} ${colorScheme}`)))
      }
      const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
      if (wide > 0) found.push(`${path} ${language}: ${wide} px wider than the screen`)
    }
  }
  expect(found).toEqual([])
  await page.setViewportSize(phone)
}, 180_000)

test('who is signed out elsewhere sees the sign-in page by itself, and then where they were', async () => {
  await open('/auditoria')
  await page.getByRole('heading', { name: /^(Auditoria|Audit)$/ }).waitFor()
  const headers = { 'x-travessia': '1' }
  await page.request.post(`${stack.httpUrl}/api/auth/logout`, { headers })
  await page.getByRole('button', { name: /gestor@demo.travessia/ }).click()
  await page.waitForURL('**/auditoria')
})

test('signing out leaves nothing of the person on the device, nor in another tab', async () => {
  const other = await context.newPage()
  // Its stream tells it nothing.
  await other.route('**/api/events*', () => undefined)
  await open('/auditoria', other)
  await other.getByRole('heading', { name: /^(Auditoria|Audit)$/ }).waitFor()
  await open('/ajustes')
  const signOut = page.getByRole('button', { name: /^(Sair|Sign out)$/ })
  await signOut.waitFor()
  await expect.poll(async () => (await kept()).rows.length).toBeGreaterThan(0)
  await signOut.click()
  await page.getByLabel(/Senha|Password/).waitFor()
  await other.getByLabel(/Senha|Password/).waitFor()
  const { rows, cached, storage } = await kept()
  expect({ rows, cached }).toEqual({ rows: [], cached: 0 })
  expect(storage.filter((key) => !['PARAGLIDE_LOCALE', 'theme'].includes(key))).toEqual([])
})

const whatIsKept = `(async () => {
  const rows = await new Promise((done, fail) => {
    const request = indexedDB.open('keyval-store')
    request.onerror = () => fail(request.error)
    request.onsuccess = () => {
      const all = request.result.transaction('keyval').objectStore('keyval').getAllKeys()
      all.onsuccess = () => done(all.result)
    }
  })
  const requests = []
  for (const name of await caches.keys()) requests.push(...(await (await caches.open(name)).keys()))
  const cached = requests.filter(({ url }) => new URL(url).pathname.startsWith('/api'))
  return { rows, cached: cached.length, storage: Object.keys(localStorage) }
})()`

function kept() {
  return page.evaluate<{ rows: string[]; cached: number; storage: string[] }>(whatIsKept)
}
