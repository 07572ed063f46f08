/** Pages of devices in Chromium, on a host of their own and under a path (DEVICES 4.5, 4.6). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api, type Item } from '../rig/api.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { type CompatibilityDevice, startCompatibilityDevice } from './compatibility-device.ts'
import { startBrowser } from './screens.ts'

let stack: Stack
let browser: Browser
let manager: Api
let agent: OwnAgent
let device: CompatibilityDevice
let other: CompatibilityDevice
let compatible: Item
let second: Item
let turnstile: Item

beforeAll(async () => {
  ;[browser, stack, device, other] = await Promise.all([
    startBrowser(),
    startStack(),
    startCompatibilityDevice(),
    startCompatibilityDevice(),
  ])
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  agent = await startOwnAgent(stack, manager, 'Compatibilidade')
  const ports = JSON.parse(readFileSync(join(stack.dataDir, 'demo/ports.json'), 'utf8'))
  const add = (name: string, baseUrl: string, fields = {}) =>
    registerDevice(manager, agent.installationId, { name, baseUrl, ...fields })
  compatible = await add('Compatível', device.url, { targets: [{ port: other.port }] })
  second = await add('Outra', other.url)
  turnstile = await add('Catraca', `http://127.0.0.1:${ports['foreign']}`)
})

afterAll(async () => {
  await agent?.stop()
  await browser?.close()
  await stack?.stop()
  device?.stop()
  other?.stop()
})

type Mode = 'host' | 'path'
type Opened = { readonly page: Page; readonly base: string; readonly context: BrowserContext }

/** A session's first page, in a browser profile of its own or in a given one. */
async function openPage(mode: Mode, of: Item, given?: BrowserContext): Promise<Opened> {
  const context =
    given ??
    (await browser.newContext({ httpCredentials: { username: 'ana', password: 'segredo' } }))
  context.setDefaultTimeout(15_000)
  const page = await context.newPage()
  const opened = await manager.call<{ url: string }>('POST', `/api/devices/${of.id}/sessions`, {
    mode,
  })
  expect([opened.status, opened.body]).toMatchObject([201, { url: expect.any(String) }])
  await page.goto(opened.body.url)
  return { page, base: opened.body.url.replace(/\/__travessia\/.*$/, ''), context }
}

describe.each<Mode>(['host', 'path'])('%s mode', (mode) => {
  let opened: Opened
  const page = () => opened.page
  const at = (path: string) => opened.page.goto(opened.base + path)
  const run = <T>(script: string) => opened.page.evaluate(script) as Promise<T>
  /** Ends where the device's page is, under the session's own address. */
  const expectAt = (path: string) => opened.page.waitForURL(opened.base + path)

  beforeAll(async () => {
    opened = await openPage(mode, compatible)
  })
  afterAll(() => opened.context.close())

  test('the turnstile’s own page works: sign-in by a script’s cookie, calls, opening, signing out', async () => {
    const { page: gate, base, context } = await openPage(mode, turnstile)
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
    await expect.poll(() => device.asked.includes('GET /pixel.png?css')).toBe(true)
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

  test('what a script puts in and where it goes finds the device', async () => {
    await at('/')
    await run(
      `document.getElementById('late').innerHTML = '<img id="put" src="/pixel.png?put"><a id="go" href="/sub/page">go</a>'`,
    )
    await expect.poll(() => run(`document.getElementById('put').naturalWidth`)).toBe(1)
    await page().locator('#go').click()
    await expectAt('/sub/page')
    await run(`location = '/'`)
    await expectAt('/')
    const made = `{ const a = document.createElement('a'); a.setAttribute('href', location.origin + '/sub/page'); document.body.append(a); a.click() }`
    await run(made)
    await expectAt('/sub/page')
    await run(
      `(() => { const f = document.createElement('form'); f.action = '/'; document.body.append(f); f.submit() })()`,
    )
    await expectAt('/?')
  })

  test('a cookie by header and one by script reach the device and the script, HttpOnly ones the device only', async () => {
    await at('/cookie/header')
    await run(`document.cookie = 'own=4; path=/'`)
    expect(await run('document.cookie')).toMatch(/plain=1.*own=4/)
    expect(await run('document.cookie')).not.toMatch(/kept|travessia/)
    const sent = await run<string>(`fetch('/cookie/echo').then(r => r.text())`)
    expect(sent.split('; ').toSorted()).toEqual(['__Host-own=3', 'kept=2', 'own=4', 'plain=1'])
    await run(`document.cookie = 'own=; path=/; max-age=0'`)
    expect(await run('document.cookie')).not.toMatch(/(^|; )own=/)
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

  test('a page with history stays under its address and comes back', async () => {
    await at('/')
    await run(`history.pushState({}, '', '/view/1')`)
    expect(page().url()).toBe(`${opened.base}/view/1`)
    await run(`history.replaceState({}, '', 'view2')`)
    expect(page().url()).toBe(`${opened.base}/view/view2`)
    await page().goBack()
    await expectAt('/')
  })

  test('fetch, Request, XHR, beacon and worker find the device by root, by location and by its own address', async () => {
    await at('/sub/page')
    const bySelf = `'http://127.0.0.1:${device.port}/data'`
    const byFetch = (address: string) =>
      run(`fetch(${address}).then(r => r.json()).then(v => v.path)`)
    const places = [`'/data'`, `'../data'`, `location.origin + '/data'`, `new Request('/data')`]
    for (const address of places) expect(await byFetch(address)).toBe('/data')
    expect(await byFetch(bySelf)).toBe('/data')
    const xhr = `new Promise(done => { const x = new XMLHttpRequest(); x.open('GET', '/data'); x.onload = () => done(x.responseText); x.send() })`
    expect(await run(xhr)).toContain('/data')
    expect(await run(`navigator.sendBeacon('/beacon')`)).toBe(true)
    await expect.poll(() => device.asked.includes('POST /beacon')).toBe(true)
    const worker = `new Promise(done => { new Worker('/worker.js').onmessage = e => done(e.data.path) })`
    expect(await run(worker)).toBe('/data')
  })

  test('events arrive one by one, a long poll waits, and the socket that follows it opens', async () => {
    await at('/')
    const events = `new Promise(done => { const all = []; const e = new EventSource('/events'); e.onmessage = m => { all.push(m.data); if (all.length === 2) { e.close(); done(all) } } })`
    expect(await run(events)).toEqual(['one', 'two'])
    const upgrade = `fetch('/poll?transport=polling').then(r => r.text()).then(() => new Promise(done => { const s = new WebSocket('ws://' + location.host + '/socket?transport=websocket'); s.onmessage = m => done(m.data) }))`
    expect(await run(upgrade)).toBe('/socket?transport=websocket')
  })

  test('a binary socket with a subprotocol carries bytes, and a class made of WebSocket stays itself', async () => {
    await at('/')
    const script = `new Promise(done => {
      class Own extends WebSocket { isOwn() { return true } }
      const s = new Own('ws://' + location.host + '/ws', ['other', 'binary']); s.binaryType = 'arraybuffer'
      s.onopen = () => s.send(new Uint8Array([0, 255, 7]))
      s.onmessage = m => { if (typeof m.data !== 'string') done([s.protocol, [...new Uint8Array(m.data)], s.isOwn(), s instanceof WebSocket, WebSocket.OPEN]) } })`
    expect(await run(script)).toEqual(['binary', [0, 255, 7], true, true, 1])
  })

  test.each(['gzip', 'br', 'deflate'])('a page that comes in %s is shown', async (coding) => {
    await at(`/coded/${coding}`)
    expect(await page().locator('#coded').textContent()).toBe('inside')
    await expect.poll(() => run('document.images[0].naturalWidth')).toBe(1)
  })

  test('an ETag is asked about again and answered with 304', async () => {
    await at('/')
    const read = `fetch('/tagged').then(r => r.text())`
    expect([await run(read), await run(read)]).toEqual(['tagged', 'tagged'])
    const direct = `fetch('/tagged', { cache: 'no-store', headers: { 'If-None-Match': '"v1"' } }).then(r => r.status)`
    expect(await run(direct)).toBe(304)
  })

  test('a part of a file is that part, HEAD has its length and no body, 204 is empty', async () => {
    const part = `fetch('/file', { headers: { Range: 'bytes=10-12' } }).then(async r => [r.status, r.headers.get('content-range'), [...new Uint8Array(await r.arrayBuffer())]])`
    expect(await run(part)).toEqual([206, 'bytes 10-12/1000', [10, 11, 12]])
    const head = `fetch('/', { method: 'HEAD' }).then(async r => [r.status, (await r.text()).length])`
    expect(await run(head)).toEqual([200, 0])
    expect(await run(`fetch('/empty').then(r => r.status)`)).toBe(204)
  })

  test('a policy with a nonce lets the page’s scripts and ours run, one that forbids all still shows the page', async () => {
    await at('/strict')
    expect(await run('window.inline')).toBe(true)
    expect(await run(`fetch('/data').then(r => r.json()).then(v => v.path)`)).toBe('/data')
    await at('/none')
    expect(await page().locator('#none').textContent()).toBe('none')
  })

  test('a service worker is refused', async () => {
    await at('/')
    const register = `navigator.serviceWorker.register('/service.js').then(() => 'registered', () => 'refused')`
    expect(await run(register)).toBe('refused')
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

  test('what a script fetches as a part of a page gets no script of ours', async () => {
    await at('/')
    const part = await run<string>(`fetch('/fragment').then(r => r.text())`)
    expect(part).not.toContain('<script')
    await run(
      `fetch('/fragment').then(r => r.text()).then(t => { document.getElementById('late').innerHTML = t })`,
    )
    await expect.poll(() => run(`document.querySelector('#fragment img')?.naturalWidth`)).toBe(1)
  })

  test('another port of the device is found by its own address and as //{host}:{port}', async () => {
    await at('/')
    const read = (address: string) => run(`fetch(${address}).then(r => r.json()).then(v => v.path)`)
    expect(await read(`'http://127.0.0.1:${other.port}/data'`)).toBe('/data')
    expect(await read(`'//' + location.hostname + ':${other.port}/data'`)).toBe('/data')
    expect(other.asked).toContain('GET /data')
    const socket = `new Promise(done => { const s = new WebSocket('ws://' + location.hostname + ':${other.port}/ws?port'); s.onmessage = m => done(m.data) })`
    expect(await run(socket)).toBe('/ws?port')
    await at(`/__travessia/port/${other.port}/`)
    await page().locator('#rooted').click()
    await expectAt(`/__travessia/port/${other.port}/sub/page`)
  })

  test('two tabs of one session share cookies and store', async () => {
    await at('/')
    await run(`document.cookie = 'tab=1; path=/'; localStorage.setItem('tab', 'one')`)
    const tab = await opened.context.newPage()
    await tab.goto(`${opened.base}/`)
    expect(
      await tab.evaluate(`[localStorage.getItem('tab'), /tab=1/.test(document.cookie)]`),
    ).toEqual(['one', true])
    await tab.close()
  })

  test('two devices side by side see neither cookies nor store of each other', async () => {
    await at('/')
    await run(
      `document.cookie = 'mine=1; path=/'; localStorage.mine = '1'; sessionStorage.setItem('mine', '1')`,
    )
    const beside = await openPage(mode, second, opened.context)
    expect(
      await beside.page.evaluate(
        `[document.cookie, localStorage.length, localStorage.mine === undefined]`,
      ),
    ).toEqual(['', 0, true])
    expect(await beside.page.evaluate(`fetch('/cookie/echo').then(r => r.text())`)).toBe('')
    await beside.page.locator('#rooted').click()
    await beside.page.waitForURL(`${beside.base}/sub/page`)
    expect(await run('[localStorage.mine, Object.keys(localStorage).includes("mine")]')).toEqual([
      '1',
      true,
    ])
    await beside.page.close()
  })
})

test('Digest is the device’s on a host of its own; under a path the agent signs in instead', async () => {
  const { page, base, context } = await openPage('host', compatible)
  await page.goto(`${base}/digest`)
  await page.locator('#in').waitFor()
  await context.close()
  const fields = { credentials: { login: 'ana', password: 'segredo' }, signIn: 'agent' }
  const signed = await registerDevice(manager, agent.installationId, {
    name: 'Digest',
    baseUrl: device.url,
    ...fields,
  })
  const under = await openPage('path', signed)
  await under.page.goto(`${under.base}/digest`)
  await under.page.locator('#in').waitFor()
  await under.context.close()
})

test('a device without further ports keeps its pages byte for byte on a host of its own', async () => {
  const { page, base, context } = await openPage('host', second)
  const source = await (await page.goto(`${base}/`))?.text()
  const [same] = await Promise.all([fetch(`${other.url}/`).then((r) => r.text())])
  expect(source).toBe(same)
  await context.close()
})
