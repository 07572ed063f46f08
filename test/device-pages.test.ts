/** Documents of devices in Chromium, on a host of their own and under a path: what is in them is found. */
import type { ChildProcess } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Item } from '../rig/api.ts'
import { type DevicePages, keptOpen, modes, startDevicePages } from './device-pages.ts'
import { startSimulator } from './simulator.ts'

let pages: DevicePages
let compatible: Item
let turnstile: Item
let simulator: ChildProcess

beforeAll(async () => {
  const started = await Promise.all([startDevicePages(), startSimulator('turnstile')])
  pages = started[0]
  simulator = started[1].process
  compatible = await pages.compatible()
  turnstile = await pages.register('Catraca', started[1].url)
  // Released it stays so for ten seconds: its page looks once in each, and later on a busy machine.
  await fetch(`${started[1].url}/__simulator/faults`, { method: 'POST', body: '{"giveUp":true}' })
})

afterAll(async () => {
  simulator?.kill('SIGKILL')
  await pages?.stop()
})

describe.each(modes)('%s mode', (mode) => {
  const { page, at, run, expectAt } = keptOpen(() => pages.open(mode, compatible))

  test('the turnstile’s own page works: sign-in by a script’s cookie, calls, opening, signing out', async () => {
    const { page: gate, base, context } = await pages.open(mode, turnstile)
    await gate.getByLabel('Senha').fill('errada')
    await gate.getByRole('button', { name: 'Entrar' }).click()
    await expect.poll(() => gate.getByRole('alert').textContent()).toMatch(/invalid/i)
    await gate.getByLabel('Senha').fill('admin')
    await gate.getByRole('button', { name: 'Entrar' }).click()
    await gate.waitForURL(`${base}/en_US/html/index.html`)
    expect(await gate.evaluate('document.cookie')).toMatch(/session=.+login=admin/)
    await expect.poll(() => gate.locator('#arm').textContent()).toBe('bloqueado')
    await expect.poll(() => gate.locator('#serial').textContent()).not.toBe('')
    await gate.getByRole('button', { name: 'Liberar horário' }).click()
    await expect.poll(() => gate.locator('#arm').textContent()).toBe('liberado')
    await expect.poll(() => gate.locator('#logs tr').count()).toBeGreaterThan(0)
    await gate.getByRole('link', { name: 'Sobre' }).click()
    await gate.getByRole('link', { name: 'Voltar' }).click()
    await gate.waitForURL(`${base}/en_US/html/index.html`)
    await gate.getByRole('link', { name: 'Sair' }).click()
    await gate.getByRole('button', { name: 'Entrar' }).waitFor()
    expect(gate.url()).toBe(`${base}/`)
    await context.close()
  })

  test.each(
    [301, 302, 303, 307, 308].flatMap((status) =>
      ['relative', 'rooted', 'absolute', 'scheme'].map((kind) => [status, kind] as const),
    ),
  )('a %i with a %s Location is followed to the device', async (status, kind) => {
    await at(`/redirect/${status}/${kind}`)
    await expectAt('/sub/page')
  })

  test('links, pictures, style sheets with url() and @import, and the first script find the device', async () => {
    await at('/')
    const outline = `getComputedStyle(document.getElementById('title')).outlineColor`
    await expect.poll(() => run(outline)).toBe('rgb(1, 2, 3)')
    await expect.poll(() => run(`document.getElementById('picture').naturalWidth`)).toBe(1)
    expect(await run('window.appRan')).toBe('boolean')
    await expect.poll(() => pages.device.asked.includes('GET /pixel.png?css')).toBe(true)
    for (const id of ['relative', 'rooted']) {
      await at('/')
      await page().locator(`#${id}`).click()
      await expectAt('/sub/page')
    }
    await page().locator('#up').click()
    await expectAt('/')
    await at('/meta')
    await expectAt('/sub/page')
  })

  test('a form with a CSRF field that its script takes from its cookie is accepted', async () => {
    await at('/')
    await run(
      `document.cookie = 'csrf=abc; path=/'; document.forms[0].csrf.value = document.cookie.split('csrf=')[1]`,
    )
    await page().getByRole('button', { name: 'send' }).click()
    await expectAt('/sub/page')
  })

  test('Basic sign-in is the device’s', async () => {
    await at('/basic')
    await page().locator('#in').waitFor()
  })

  test.each(['gzip', 'br', 'deflate'])('a page that comes in %s is shown', async (coding) => {
    await at(`/coded/${coding}`)
    expect(await page().locator('#coded').textContent()).toBe('inside')
    await expect.poll(() => run('document.images[0].naturalWidth')).toBe(1)
  })

  test('a policy with a nonce lets the page’s scripts and ours run, one that forbids all still shows the page', async () => {
    await at('/strict')
    expect(await run('window.inline')).toBe(true)
    expect(await run(`fetch('/data').then(r => r.json()).then(v => v.path)`)).toBe('/data')
    await at('/none')
    expect(await page().locator('#none').textContent()).toBe('none')
  })

  test('pages in frames are shown, and work', async () => {
    await at('/frames')
    const inner = page().frameLocator('#inner')
    expect(await inner.locator('#sub').textContent()).toBe('sub')
    await inner.locator('#up').click()
    await inner.locator('#title').waitFor()
  })

  test('a page that is not UTF-8 keeps every letter', async () => {
    await at('/latin')
    expect(await page().locator('#link').textContent()).toBe('café')
    expect(await page().locator('#link').getAttribute('title')).toBe('à \u00a0 ÿ')
    await page().locator('#link').click()
    await expectAt('/sub/page')
  })
})

test('Digest is the device’s on a host of its own; under a path the agent signs in instead', async () => {
  const { page, base, context } = await pages.open('host', compatible)
  await page.goto(`${base}/digest`)
  await page.locator('#in').waitFor()
  await context.close()
  const fields = { credentials: { login: 'ana', password: 'segredo' }, signIn: 'agent' }
  const signed = await pages.register('Digest', pages.device.url, fields)
  const under = await pages.open('path', signed)
  await under.page.goto(`${under.base}/digest`)
  await under.page.locator('#in').waitFor()
  await under.context.close()
})

test('a device without further ports keeps its pages byte for byte on a host of its own', async () => {
  const { page, base, context } = await pages.open(
    'host',
    await pages.register('Outra', pages.other.url),
  )
  const source = await (await page.goto(`${base}/`))?.text()
  const [same] = await Promise.all([fetch(`${pages.other.url}/`).then((r) => r.text())])
  expect(source).toBe(same)
  await context.close()
})
