/** Scripts of devices’ pages in Chromium, on a host of their own and under a path: what they ask for, keep and share. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Item } from '../rig/api.ts'
import { type DevicePages, keptOpen, modes, startDevicePages } from './device-pages.ts'

let pages: DevicePages
let compatible: Item
let second: Item

beforeAll(async () => {
  pages = await startDevicePages()
  compatible = await pages.compatible()
  second = await pages.register('Outra', pages.other.url)
})

afterAll(() => pages?.stop())

describe.each(modes)('%s mode', (mode) => {
  const { opened, page, at, run, expectAt } = keptOpen(() => pages.open(mode, compatible))

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

  test('a page with history stays under its address and comes back', async () => {
    await at('/')
    await run(`history.pushState({}, '', '/view/1')`)
    expect(page().url()).toBe(`${opened().base}/view/1`)
    await run(`history.replaceState({}, '', 'view2')`)
    expect(page().url()).toBe(`${opened().base}/view/view2`)
    await page().goBack()
    await expectAt('/')
  })

  test('fetch, Request, XHR, beacon and worker find the device by root, by location and by its own address', async () => {
    await at('/sub/page')
    const bySelf = `'http://127.0.0.1:${pages.device.port}/data'`
    const byFetch = (address: string) =>
      run(`fetch(${address}).then(r => r.json()).then(v => v.path)`)
    const places = [`'/data'`, `'../data'`, `location.origin + '/data'`, `new Request('/data')`]
    for (const address of places) expect(await byFetch(address)).toBe('/data')
    expect(await byFetch(bySelf)).toBe('/data')
    const xhr = `new Promise(done => { const x = new XMLHttpRequest(); x.open('GET', '/data'); x.onload = () => done(x.responseText); x.send() })`
    expect(await run(xhr)).toContain('/data')
    expect(await run(`navigator.sendBeacon('/beacon')`)).toBe(true)
    await expect.poll(() => pages.device.asked.includes('POST /beacon')).toBe(true)
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

  test('a service worker is refused', async () => {
    await at('/')
    const register = `navigator.serviceWorker.register('/service.js').then(() => 'registered', () => 'refused')`
    expect(await run(register)).toBe('refused')
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
    expect(await read(`'http://127.0.0.1:${pages.other.port}/data'`)).toBe('/data')
    expect(await read(`'//' + location.hostname + ':${pages.other.port}/data'`)).toBe('/data')
    expect(pages.other.asked).toContain('GET /data')
    const socket = `new Promise(done => { const s = new WebSocket('ws://' + location.hostname + ':${pages.other.port}/ws?port'); s.onmessage = m => done(m.data) })`
    expect(await run(socket)).toBe('/ws?port')
    await at(`/__travessia/port/${pages.other.port}/`)
    await page().locator('#rooted').click()
    await expectAt(`/__travessia/port/${pages.other.port}/sub/page`)
  })

  test('two tabs of one session share cookies and store', async () => {
    await at('/')
    await run(`document.cookie = 'tab=1; path=/'; localStorage.setItem('tab', 'one')`)
    const tab = await opened().context.newPage()
    await tab.goto(`${opened().base}/`)
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
    const beside = await pages.open(mode, second, opened().context)
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
