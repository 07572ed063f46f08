/** The PWA in Chromium on a running stack: what the journeys share. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright'
import { expect } from 'vitest'
import type { Api } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { root } from '../rig/processes.ts'
import type { Stack } from '../rig/stack.ts'

const chromiumPath = process.env['CHROME_PATH'] ?? '/usr/bin/chromium'
const story = process.env['STORY_DIR'] ?? ''
const waitMs = 30_000
export const phone = { width: 390, height: 844 }

export async function startBrowser(): Promise<Browser> {
  if (!existsSync(chromiumPath)) throw new Error('missing program: apt-get install chromium')
  return chromium.launch({
    executablePath: chromiumPath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage'],
  })
}

export async function newPhone(browser: Browser): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({
    viewport: phone,
    locale: 'pt-BR',
    deviceScaleFactor: 2,
    hasTouch: true,
    serviceWorkers: 'allow',
  })
  context.setDefaultTimeout(waitMs)
  return { context, page: await context.newPage() }
}

/** Through the sign-in page, with the demo account that has this e-mail. */
export async function enter(page: Page, { httpUrl }: Stack, email: string): Promise<void> {
  await page.goto(httpUrl)
  await page.getByRole('button', { name: new RegExp(email) }).click()
  await page.getByRole('heading', { name: 'Instalações' }).waitFor()
}

/** A picture for the README and the reviewer, only when `STORY_DIR` asks for it. */
export async function picture(page: Page, name: string): Promise<void> {
  if (story === '') return
  const path = join(root, story, `${name}.png`)
  mkdirSync(dirname(path), { recursive: true })
  // A message of the moment before goes away by itself (a problem stays); the page's policy lets no style hide it.
  await page.locator('.toast:not(.error)').waitFor({ state: 'detached' })
  await page.screenshot({ path, animations: 'disabled' })
}

/** A picture, and no violation of the accessibility rules. */
export async function look(page: Page, name: string): Promise<void> {
  await picture(page, name)
  expect(await violations(page, name)).toEqual([])
}

const axePath = createRequire(import.meta.resolve('@axe-core/playwright')).resolve('axe-core')
const axe = readFileSync(axePath, 'utf8')
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const runAxe = `axe.run(document, { runOnly: ${JSON.stringify(rules)}, resultTypes: ['violations'] })
  .then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes[0].html))`

/** What axe finds in the page as it is now; brought into a page once, however often it is looked at. On a phone also what is too small for a thumb. */
export async function violations(page: Page, name: string): Promise<string[]> {
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(axe)
  const found = await page.evaluate<string[]>(runAxe)
  if (page.viewportSize()?.width === phone.width)
    found.push(...(await page.evaluate<string[]>(smallTargets)))
  return found.map((one) => `${name}: ${one}`)
}

/** 44 px each way, with the label where there is one; a link in a sentence is as high as its line. */
const smallTargets = `[...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
  .map((one) => ({ one, area: one.closest('label') ?? one }))
  .filter(({ one, area }) => {
    const { width, height } = area.getBoundingClientRect()
    const isShown = width > 1 && height > 1 && one.checkVisibility({ visibilityProperty: true })
    const isInSentence = one.matches('a') && getComputedStyle(one).display === 'inline'
    return isShown && !isInSentence && !area.matches('.skip') && Math.min(width, height) < 43.5
  })
  .map(({ one }) => 'too small for a thumb: ' + one.outerHTML.slice(0, 200))`

export async function hold(page: Page, text: string): Promise<void> {
  // Once it can be pressed and stands still: what comes late would move it away from under the finger.
  await page.getByRole('button', { name: text, exact: true, disabled: false }).hover()
  await page.mouse.down()
  await page.waitForTimeout(1_000)
  await page.mouse.up()
}

/** What is said of a release that went well: until the device has told of the passage, and from then on. */
export const released =
  /O equipamento aceitou\. A passagem em si não foi confirmada\.|Passagem confirmada pelo equipamento\./

/** Opens the device's page from the session screen, in the tab that a tap makes; it is there with its scripts. */
export async function openDevicePage(context: BrowserContext, page: Page): Promise<Page> {
  const popup = context.waitForEvent('page')
  await page.getByRole('button', { name: 'Abrir a página do equipamento' }).click()
  const device = await popup
  await device.setViewportSize(phone)
  // The tab is empty until the session is open.
  await device.waitForURL(/^http/)
  return device
}

const agentMain = join(root, 'agent/src/main.ts')

/** `travessia-agent pair CODE`: what people type on the customer's computer. @throws with what it said */
export async function pairAgent(stack: Stack, code: string, name: string): Promise<string> {
  const config = join(stack.dataDir, `${name.replaceAll(' ', '-')}.json`)
  const args = ['pair', code, '--url', stack.httpUrl, '--name', name, '--allow-loopback']
  await promisify(execFile)(process.execPath, [agentMain, ...args, '--config', config])
  return config
}

export function runAgent(config: string): ChildProcess {
  return spawn(process.execPath, [agentMain, 'run', '--config', config], {
    env: { ...process.env, TRAVESSIA_AGENT_HEALTH_PORT: '0', TRAVESSIA_MONITOR_PORT: '0' },
    stdio: 'ignore',
  })
}

/** An installation with an agent of the test's own, to be stopped and killed at will. */
export async function newSite(
  stack: Stack,
  manager: Api,
  name: string,
): Promise<{ id: string; agent: ChildProcess }> {
  const { body: site } = await manager.call<{ id: string }>('POST', '/api/installations', { name })
  const codes = `/api/installations/${site.id}/agent/pairing-codes`
  const { body } = await manager.call<{ code: string }>('POST', codes, {})
  const agent = runAgent(await pairAgent(stack, body.code, `Servidor ${name}`))
  const isOnline = async () =>
    (await manager.get<{ status: string }>(`/api/installations/${site.id}/agent`)).status ===
    'ONLINE'
  await eventually(isOnline, { withinMs: 30_000, what: `the agent of ${name} online` })
  return { id: site.id, agent }
}
