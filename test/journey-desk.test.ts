/** The story at a desk: 1280 px, by the keyboard alone; and what stands beside what where there is room. */
import type { Browser, Locator, Page } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed } from '../rig/api.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { look, released, startBrowser, violations } from './screens.ts'

const desk = { width: 1280, height: 800 }
let stack: Stack
let browser: Browser
let page: Page

beforeAll(async () => {
  ;[browser, stack] = await Promise.all([startBrowser(), startStack()])
  const context = await browser.newContext({ viewport: desk, locale: 'pt-BR' })
  context.setDefaultTimeout(30_000)
  page = await context.newPage()
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

/** What has the focus and does not show it. */
const unseen = `[document.activeElement].filter((one) => one !== document.body)
  .filter((one) => ![one, one.closest('label')].some((part) => part && getComputedStyle(part).outlineStyle !== 'none'))
  .map((one) => one.outerHTML)`

/** By Tab, as often as it takes; wherever it comes by, the focus is seen. */
async function tabTo(target: Locator): Promise<void> {
  // Until the page knows that a device can be reached its buttons are off, and Tab goes past them.
  await expect.poll(() => target.isEnabled()).toBe(true)
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press('Tab')
    expect(await page.evaluate(unseen)).toEqual([])
    if (await target.evaluate((one) => one === one.ownerDocument.activeElement)) return
  }
  throw new Error(`Tab does not come to ${target}`)
}

async function press(target: Locator, key = 'Enter'): Promise<void> {
  await tabTo(target)
  await page.keyboard.press(key)
}

const link = (name: string | RegExp) => page.getByRole('link', { name })
const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true })

test('by the keyboard alone a manager signs in, opens the turnstile, and looks at its own page', async () => {
  await page.goto(stack.httpUrl)
  await press(button(/gestor@demo.travessia/))
  await page.getByRole('heading', { name: 'Instalações' }).waitFor()
  await look(page, '27-mesa-instalacoes')
  await press(link(/Matriz/))
  await press(link(/Catraca Entrada Principal/))
  await tabTo(page.getByLabel(/Motivo/))
  await page.keyboard.type('visitante')
  await press(button('Liberar'))
  await page.keyboard.press('Enter')
  await page.getByText(released).waitFor()
  await look(page, '28-mesa-catraca')
  await page.reload()
  await press(link('Gerenciar remotamente'))
  const opened = page.context().waitForEvent('page')
  await press(button('Abrir a página do equipamento'))
  await (await opened).close()
  await press(button('Encerrar'))
  await page.getByText('Sessão encerrada.').waitFor()
})

test('a new page takes the focus, so that the next Tab is in it and not in the tabs again', async () => {
  await page.goto(stack.httpUrl)
  await press(link('Parear'))
  await page.getByRole('heading', { name: 'Parear agente' }).waitFor()
  await page.keyboard.press('Tab')
  expect(await page.locator('main :focus').count()).toBe(1)
})

/** How long the bar of the held button takes to fill. */
const whileHeld = `(async () => {
  const button = document.querySelector('button.hold')
  const point = (type) => button.dispatchEvent(new PointerEvent(type, { button: 0, bubbles: true }))
  point('pointerdown')
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
  const { transitionDuration } = getComputedStyle(button.querySelector('span'))
  point('pointerup')
  return transitionDuration
})()`

test('what moves does not for who asked for less motion', async () => {
  const manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await page.goto(`${stack.httpUrl}/equipamentos/${(await deviceNamed(manager, 'Entrada')).id}`)
  await button('Liberar').waitFor()
  expect(await page.evaluate(whileHeld)).toBe('0s')
  await page.emulateMedia({ reducedMotion: null })
})

test('the timeline stands beside the player and follows by itself, without moving the page', async () => {
  const manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  const { id } = await deviceNamed(manager, 'Entrada')
  const { sessionId, base, cookie } = await enterSession(manager, id, {
    reason: 'conferir acessos',
  })
  for (let request = 0; request < 25; request += 1)
    await fetchPage(`${base}/en_US/html/index.html?${request}`, { headers: { cookie } })
  await manager.call('DELETE', `/api/sessions/${sessionId}`)
  await page.goto(`${stack.httpUrl}/auditoria`)
  await press(link(/Catraca Entrada Principal.*conferir acessos/s))
  const player = await page.getByRole('region', { name: 'Reprodução' }).boundingBox()
  const timeline = await page.getByRole('region', { name: 'Linha do tempo' }).boundingBox()
  if (!player || !timeline) throw new Error('the replay is not there')
  expect(timeline.x).toBeGreaterThan(player.x + player.width)
  expect(Math.abs(timeline.y - player.y)).toBeLessThan(40)
  expect(timeline.y + timeline.height).toBeLessThanOrEqual(desk.height)
  await page.keyboard.press('Space')
  const current = page.locator('li[aria-current="true"]')
  await current.filter({ hasText: 'terminou: encerrada' }).waitFor()
  const end = async () => {
    const box = await current.boundingBox()
    return box ? box.y + box.height : Number.POSITIVE_INFINITY
  }
  await expect.poll(end).toBeLessThanOrEqual(timeline.y + timeline.height + 1)
  expect(await page.evaluate('scrollY')).toBe(0)
  await look(page, '30-mesa-reproducao')
  await page.goto(`${stack.httpUrl}/auditoria`)
  await link(/Catraca Entrada Principal/)
    .first()
    .waitFor()
  await look(page, '29-mesa-auditoria')
})

test('no screen is wider than 1600 px, 1280 px or 1000 px, nor breaks the accessibility rules there', async () => {
  const manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  const gate = await deviceNamed(manager, 'Entrada')
  const paths = ['/', `/instalacoes/${gate['installationId']}`, `/equipamentos/${gate.id}`]
  const found: string[] = []
  for (const path of [
    ...paths,
    '/auditoria?ver=eventos',
    '/auditoria/passado',
    '/ajustes',
    '/parear',
  ]) {
    await page.goto(stack.httpUrl + path)
    await page.locator('h1').first().waitFor()
    await page.locator('[aria-busy]').waitFor({ state: 'detached' })
    for (const width of [1600, 1280, 1000]) {
      await page.setViewportSize({ width, height: 800 })
      const over = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
      if (over > 0) found.push(`${path} ${width}: ${over} px too wide`)
    }
    found.push(...(await violations(page, path)))
  }
  expect(found).toEqual([])
})
