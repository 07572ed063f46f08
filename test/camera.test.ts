/**
 * A camera watched from a phone through the whole of Travessia: still first, then live, one reading of the camera for
 * all who look, none while nobody does, and each viewing a pair of facts, also when the node is killed under it.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Api, deviceNamed, factsOf, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { openPage } from '../rig/pages.ts'
import { childPid, type Stack, startStack } from '../rig/stack.ts'
import { enter, look, newPhone, startBrowser, violations } from './screens.ts'

let stack: Stack
let browser: Browser
let page: Page
let manager: Api
let camera: Item
let simulator: string

beforeAll(async () => {
  ;[browser, stack] = await Promise.all([startBrowser(), startStack()])
  ;({ page } = await newPhone(browser))
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  camera = await deviceNamed(manager, 'Câmera Recepção')
  const file = join(stack.dataDir, 'demo/ports.json')
  const ports = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>
  simulator = `http://127.0.0.1:${ports['camera']}/__simulator`
  await enter(page, stack, 'gestor@demo.travessia')
})

afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

afterEach(() => faults({}))

const picture = () => page.getByRole('img', { name: 'Imagem de Câmera Recepção' })
const button = (name: string) => page.getByRole('button', { name, exact: true })
const frames = async () => Number(await picture().getAttribute('data-frames'))
const path = (what: string) => `/api/devices/${camera.id}/camera/${what}`

async function faults(body: Record<string, unknown>): Promise<void> {
  await fetch(`${simulator}/faults`, { method: 'POST', body: JSON.stringify(body) })
}

/** How many read the camera's stream. */
async function readers(): Promise<number> {
  const { viewers } = (await (await fetch(`${simulator}/state`)).json()) as { viewers: number }
  return viewers
}
const untilRead = (wanted: number) =>
  eventually(async () => (await readers()) === wanted, { what: `${wanted} reading the camera` })

async function untilMore(): Promise<void> {
  const before = await frames()
  await eventually(async () => (await frames()) > before + 2, { what: 'more live pictures' })
}

/** As when the phone is locked or another tab comes up. */
async function setVisible(state: 'hidden' | 'visible'): Promise<void> {
  await page.evaluate(`Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))`)
}

function facts() {
  return factsOf(manager, `&kind=camera&deviceId=${camera.id}`)
}

async function watchByApi(query = ''): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${manager.token}` }
  const stream = await openPage(stack.httpUrl + path(`stream${query}`), { headers })
  stream.on('error', () => undefined).resume()
  return stream
}

test('the installation shows a small picture of its camera', async () => {
  await page.getByRole('link', { name: /Matriz/ }).click()
  const row = page.getByRole('link', { name: /Câmera Recepção/ })
  await row.locator('canvas').waitFor()
  await row.click()
})

test('the page shows a photo at once and reads no stream; live, the pictures go on with their age', async () => {
  await page.getByText(/Foto, há \d+ s/).waitFor()
  expect(await readers()).toBe(0)
  await button('Ao vivo').click()
  await page.getByText(/Ao vivo, há \d,\d s/).waitFor()
  await untilMore()
  await look(page, '17-camera')
  expect(await readers()).toBe(1)
})

test('full screen takes the whole window, keeps the screen lit, and both end together', async () => {
  await page.evaluate(`window.locks = []
    const request = navigator.wakeLock.request.bind(navigator.wakeLock)
    navigator.wakeLock.request = async (kind) => {
      const lock = await request(kind).catch(() => ({ release: async () => { lock.released = true }, released: false }))
      window.locks.push(lock)
      return lock
    }`)
  await button('Tela cheia').click()
  await button('Sair da tela cheia').waitFor()
  const box = await page.locator('figure').boundingBox()
  expect(box).toMatchObject({ x: 0, y: 0, width: 390 })
  const locks = () => page.evaluate<boolean[]>('window.locks.map(({ released }) => released)')
  await eventually(async () => (await locks()).length > 0)
  expect(await locks()).toEqual([false])
  expect(await violations(page, 'tela cheia')).toEqual([])
  await untilMore()
  await button('Sair da tela cheia').click()
  await button('Tela cheia').waitFor()
  await eventually(async () => (await locks())[0] === true, { what: 'the lock released' })
})

test('a hidden page is not read for; visible again it goes on by itself', async () => {
  await setVisible('hidden')
  await untilRead(0)
  await setVisible('visible')
  await untilRead(1)
  await untilMore()
})

test('a second viewer is served from the same reading, and the last one ends it', async () => {
  const other = await watchByApi()
  expect(other.headers['content-type']).toMatch(/^multipart\/x-mixed-replace/)
  expect(await readers()).toBe(1)
  await button('Parar').click()
  await page.getByText(/Foto, há/).waitFor()
  expect(await readers()).toBe(1)
  other.destroy()
  await untilRead(0)
})

test('the log tells who watched for how long, in pairs, and of photos once', async () => {
  await eventually(
    async () => (await facts()).filter(isEnd).length === (await facts()).filter(isBegin).length,
  )
  const all = await facts()
  expect(all.filter(isBegin).length).toBeGreaterThanOrEqual(3)
  for (const { streamId, data, summary } of all.filter(isEnd)) {
    expect(all.filter((one) => one.streamId === streamId && isBegin(one))).toHaveLength(1)
    expect(data).toMatchObject({ reason: 'viewer', frames: expect.any(Number) })
    expect(summary).toMatch(/^Gestora Ana assistiu a Câmera Recepção por \d+ (s|min)$/)
  }
  expect(all.filter(({ type }) => type === 'CameraSnapshotRequested')).toHaveLength(1)
})
const isBegin = ({ type }: { type: string }) => type === 'CameraViewOpened'
const isEnd = ({ type }: { type: string }) => type === 'CameraViewClosed'

test('a camera that stands still is said to, first by the age, then in words', async () => {
  await button('Ao vivo').click()
  await untilMore()
  await faults({ stall: true })
  await page.getByText(/Sem imagem há 1\d,\d s/).waitFor()
  await page.getByRole('alert').getByText('O equipamento demorou demais para responder.').waitFor()
  await untilRead(0)
})

test('a camera without a stream is watched by its photos', async () => {
  await faults({ wrongType: true })
  await button('Ao vivo').click()
  await untilMore()
  await button('Parar').click()
})

test('a camera that gives a page instead of a picture is said to, and nothing of it is shown', async () => {
  await faults({ noPicture: true })
  await button('Nova foto').click()
  await page.getByRole('alert').getByText('A câmera não dá imagem').waitFor()
  const { status, body } = await manager.call('GET', path('snapshot'))
  expect([status, body['code']]).toEqual([502, 'CAMERA_NO_PICTURE'])
})

test('saving data means one picture a second', async () => {
  const taken = async () =>
    ((await (await fetch(`${simulator}/state`)).json()) as { pictures: number }).pictures
  const [before, begun] = [await taken(), performance.now()]
  const stream = await watchByApi('?mode=snapshots')
  await eventually(async () => (await taken()) >= before + 4, { what: 'four pictures' })
  expect(await readers()).toBe(0)
  stream.destroy()
  // The first one at once, and one may be under way.
  const most = 2 + (performance.now() - begun) / 1_000
  expect((await taken()) - before).toBeLessThanOrEqual(most)
})

test('whoever signs out while watching is shown nothing more', async () => {
  const guest = await new Api(stack.httpUrl).signIn('operador@demo.travessia')
  const headers = { authorization: `Bearer ${guest.token}` }
  const stream = await openPage(stack.httpUrl + path('stream'), { headers })
  const ended = new Promise((done) => stream.once('close', done))
  stream.on('error', () => undefined).resume()
  await guest.call('POST', '/api/auth/logout')
  await ended
  const last = await eventually(async () =>
    (await facts()).find(({ data }) => data['reason'] === 'access-changed'),
  )
  expect(last.summary).toContain('o acesso mudou')
})

test('an auditor reads who watched and does not watch', async () => {
  const auditor = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
  expect((await auditor.call('GET', path('stream'))).status).toBe(403)
  expect((await factsOf(auditor, '&kind=camera')).length).toBeGreaterThan(3)
})

test('a node that is killed under a viewer writes the end when it comes back', async () => {
  const stream = await watchByApi()
  await untilRead(1)
  const opened = (await facts()).findLast(isBegin)
  process.kill(childPid(stack, 'api/src/main.ts'), 'SIGKILL')
  await new Promise((done) => stream.once('close', done))
  await untilRead(0)
  const end = await eventually(
    async () =>
      (await facts().catch(() => [])).find(
        (one) => isEnd(one) && one.streamId === opened?.streamId,
      ),
    { withinMs: 90_000, what: 'the end of the viewing' },
  )
  expect(end.data).toEqual({ reason: 'crash' })
  expect(end.summary).toBe('Parou de mostrar Câmera Recepção: o servidor parou nesse meio-tempo')
}, 120_000)
