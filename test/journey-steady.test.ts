/** Screens that stay where they are: with letters twice as large, with long words, and while their parts are still coming. */
import type { Browser, CDPSession, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed } from '../rig/api.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { enter, newPhone, phone, startBrowser } from './screens.ts'

let stack: Stack
let browser: Browser
let page: Page
let chromium: CDPSession
let screens: string[]
let gatePath: string

beforeAll(async () => {
  ;[browser, stack] = await Promise.all([startBrowser(), startStack()])
  const opened = await newPhone(browser)
  page = opened.page
  chromium = await opened.context.newCDPSession(page)
  const manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  const name = `Condomínio ${'muito'.repeat(13)}`
  const { body: site } = await manager.call<{ id: string }>('POST', '/api/installations', { name })
  const [gate, printer] = [await deviceNamed(manager, 'Entrada'), await deviceNamed(manager, '3D')]
  gatePath = `/equipamentos/${gate.id}`
  const pages = ['', '/sessao', '/console'].map((end) => gatePath + end)
  screens = [
    ...['/', `/instalacoes/${gate['installationId']}`, `/instalacoes/${site.id}`, ...pages],
    ...[
      `/equipamentos/${printer.id}`,
      '/auditoria',
      '/auditoria?ver=eventos',
      '/parear',
      '/ajustes',
    ],
  ]
  await enter(page, stack, 'gestor@demo.travessia')
})

afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

async function show(path: string): Promise<void> {
  await page.goto(stack.httpUrl + path)
  await page.locator('h1').first().waitFor()
  await page.locator('[aria-busy]').waitFor({ state: 'detached' })
  await page.waitForLoadState('load')
}

/** What cannot be tapped, because another thing or the edge of the screen covers it. */
const coveredTabs = `[...document.querySelectorAll('nav a')].filter((one) => {
  const { x, y, width, height } = one.getBoundingClientRect()
  return !one.contains(document.elementFromPoint(x + width / 2, y + height / 2))
}).map((one) => one.textContent.trim())`

/** A value, a text or a field that has not even the width of a short word. */
const squeezed = `[...document.querySelectorAll('dd, .grow, .field')]
  .filter((one) => one.checkVisibility() && one.offsetWidth < 100)
  .map((one) => one.textContent.trim())`

test('with letters twice as large every screen of a phone keeps its width, its four tabs and room for what it says', async () => {
  const found: string[] = []
  await chromium.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } })
  for (const path of screens) {
    await show(path)
    const over = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
    if (over > 0) found.push(`${path}: ${over} px too wide`)
    for (const lost of [coveredTabs, squeezed])
      found.push(...(await page.evaluate<string[]>(lost)).map((text) => `${path}: ${text}`))
  }
  await chromium.send('Page.setFontSizes', { fontSizes: { standard: 16, fixed: 13 } })
  expect(found).toEqual([])
})

/** The sum of what Chromium counts as moved without the person doing anything; 1 is a whole screen. */
const moved = `new Promise((done) => {
  let sum = 0
  const watch = new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) sum += value
  })
  watch.observe({ type: 'layout-shift', buffered: true })
  setTimeout(() => done(sum), 1_500)
})`

test('on a slow line nothing moves under the finger while a screen is coming', async () => {
  const slow = { offline: false, latency: 150, downloadThroughput: 2e5, uploadThroughput: 1e5 }
  await chromium.send('Network.emulateNetworkConditions', slow)
  const found: string[] = []
  for (const path of screens) {
    await show(path)
    const sum = await page.evaluate<number>(moved)
    if (sum > 0.02) found.push(`${path}: ${sum.toFixed(3)}`)
  }
  expect(found).toEqual([])
}, 120_000)

test('one part of a device that is late, or cannot be loaded, hides none of the others', async () => {
  const storageState = await page.context().storageState()
  // What a service worker has kept would come all the same.
  const context = await browser.newContext({
    ...{ viewport: phone, locale: 'pt-BR', serviceWorkers: 'block', storageState },
  })
  const [button, facts] = ['.hold', '.facts']
  const open = async (lacking: string, shown: readonly string[], isLate: boolean) => {
    const own = await context.newPage()
    await own.route(lacking, (route) => (isLate ? undefined : route.abort()))
    await own.goto(stack.httpUrl + gatePath)
    for (const one of shown) await own.locator(one).first().waitFor({ timeout: 30_000 })
    return own
  }
  await open('**/api/devices/*/state', [button, facts], true)
  await open('**/api/installations/*', [facts], true)
  await open('**/assets/turnstile-panel*.js', [facts], true)
  const broken = await open('**/assets/turnstile-panel*.js', [facts, '[role=alert]'], false)
  await broken.unroute('**/assets/turnstile-panel*.js')
  await broken.getByRole('button', { name: 'Tentar de novo' }).click()
  await broken.locator(button).waitFor()
  await context.close()
}, 120_000)

test('a page, and a form on a page, that cannot be loaded say so and come when they are asked for again', async () => {
  const storageState = await page.context().storageState()
  const context = await browser.newContext({
    ...{ viewport: phone, locale: 'pt-BR', serviceWorkers: 'block', storageState },
  })
  const own = await context.newPage()
  const again = own.getByRole('button', { name: 'Tentar de novo' })
  await own.goto(stack.httpUrl)
  await own.route('**/assets/settings*.js', (route) => route.abort())
  await own.getByRole('link', { name: 'Ajustes' }).click()
  await own.getByRole('heading', { name: 'A página não abriu' }).waitFor()
  await own.unroute('**/assets/settings*.js')
  await again.click()
  await own.getByRole('heading', { name: 'Ajustes' }).waitFor()

  await own.goto(stack.httpUrl + gatePath)
  await own.route('**/assets/device-form*.js', (route) => route.abort())
  await own.getByRole('button', { name: 'Editar' }).click()
  await own.getByRole('dialog').getByRole('alert').waitFor()
  await own.unroute('**/assets/device-form*.js')
  await again.click()
  await own.getByRole('button', { name: 'Editar' }).click()
  await own.getByRole('dialog').getByLabel('Nome').waitFor()
  await context.close()
}, 60_000)
