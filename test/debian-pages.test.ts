/**
 * Web interfaces that nobody made for this: Debian's, through a paired agent in Chromium, in both modes. One signs in
 * by Basic, one has its script send a cookie back, one speaks over a WebSocket. The screens of the first two are recorded.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api, type Item } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { freePort } from '../rig/free-port.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { type Stack, startStack } from '../rig/stack.ts'
import { startBrowser } from './screens.ts'

const credentials = { username: 'ana', password: 'segredo' }
const programs: ChildProcess[] = []
let directory: string
let stack: Stack
let browser: Browser
let manager: Api
let agent: OwnAgent
let devices: { transmission: Item; syncthing: Item; vnc: Item }

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'travessia-debian-'))
  const [transmission, syncthing, vnc] = await Promise.all([
    startTransmission(),
    startSyncthing(),
    startVnc(),
  ])
  ;[browser, stack] = await Promise.all([startBrowser(), startStack()])
  manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  agent = await startOwnAgent(stack, manager, 'Debian')
  const add = (name: string, port: number, capture = 'dom') =>
    registerDevice(manager, agent.installationId, {
      ...{ name, baseUrl: `http://127.0.0.1:${port}`, capture },
    })
  devices = {
    transmission: await add('Transmission', transmission),
    syncthing: await add('Syncthing', syncthing),
    vnc: await add('noVNC', vnc, 'heads'),
  }
})

afterAll(async () => {
  await agent?.stop()
  await browser?.close()
  await stack?.stop()
  // Some start others of themselves.
  for (const { pid } of programs) if (pid !== undefined) killGroup(pid)
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 })
})

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

/** Resolves when it listens. @throws Error with the package's name when it is not installed */
async function start(name: string, args: readonly string[], port: number): Promise<number> {
  try {
    execFileSync('which', [name])
  } catch {
    throw new Error(`Debian package ${packages[name]} is missing`)
  }
  const env = { ...process.env, HOME: directory, STNODEFAULTFOLDER: '1', STNOUPGRADE: '1' }
  programs.push(spawn(name, args, { env, stdio: 'ignore', detached: true }))
  await eventually(() => isListening(port), { withinMs: 30_000, what: `${name} listens` })
  return port
}

const packages: Readonly<Record<string, string>> = {
  'transmission-daemon': 'transmission-daemon',
  syncthing: 'syncthing',
  Xtigervnc: 'tigervnc-standalone-server',
  websockify: 'websockify',
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const said = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => said(true)).once('error', () => said(false))
  })
}

async function startTransmission(): Promise<number> {
  const port = await freePort()
  const home = join(directory, 'transmission')
  const place = ['--config-dir', home, '--download-dir', home, '--rpc-bind-address', '127.0.0.1']
  const quiet = ['--no-dht', '--no-portmap', '--peerport', String(await freePort())]
  const login = ['--auth', '--username', credentials.username, '--password', credentials.password]
  const args = ['--foreground', '--port', String(port), ...place, ...quiet, ...login]
  return start('transmission-daemon', args, port)
}

async function startSyncthing(): Promise<number> {
  const port = await freePort()
  const home = join(directory, 'syncthing')
  const args = ['-no-browser', '-no-restart', `-home=${home}`, `-gui-address=127.0.0.1:${port}`]
  return start('syncthing', args, port)
}

async function startVnc(): Promise<number> {
  const [screen, port] = [await freePort(), await freePort()]
  const shown = ['-SecurityTypes', 'None', '-localhost', '-rfbport', String(screen)]
  await start('Xtigervnc', [`:${screen % 10_000}`, ...shown, '-geometry', '640x480'], screen)
  const args = ['--web', '/usr/share/novnc', `127.0.0.1:${port}`, `127.0.0.1:${screen}`]
  return start('websockify', args, port)
}

describe.each(['host', 'path'] as const)('%s mode', (mode) => {
  async function open(device: Item, path: string): Promise<Page> {
    const context = await browser.newContext({ httpCredentials: credentials, locale: 'en-US' })
    context.setDefaultTimeout(30_000)
    const page = await context.newPage()
    const { body } = await manager.call<{ url: string }>(
      'POST',
      `/api/devices/${device.id}/sessions`,
      { mode },
    )
    await page.goto(body.url, { waitUntil: 'commit' })
    await page.goto(body.url.replace(/\/__travessia\/.*$/, path))
    return page
  }

  test('Transmission (Basic, a header that its script learns): a torrent is added and removed', async () => {
    const page = await open(devices.transmission, '/transmission/web/')
    await page.locator('#toolbar-open').click()
    const hash = mode === 'host' ? '1'.repeat(40) : '2'.repeat(40)
    await page.locator('#torrent_upload_url').fill(`magnet:?xt=urn:btih:${hash}&dn=${mode}`)
    await page.locator('#upload_confirm_button').click()
    const row = page.locator('#torrent_list li', { hasText: mode })
    await row.waitFor()
    await row.click()
    await page.locator('#toolbar-remove').click()
    await page.locator('#dialog_confirm_button').click()
    await row.waitFor({ state: 'detached' })
    await expectRecorded(devices.transmission, mode, `"textContent":"${mode}"`)
    await page.context().close()
  })

  test('Syncthing (a cookie that its script sends back): the device gets another name', async () => {
    const page = await open(devices.syncthing, '/')
    await whenReady(page)
    await page.locator('a.dropdown-toggle', { hasText: 'Actions' }).click()
    await page.locator('.dropdown-menu a', { hasText: 'Settings' }).first().click()
    await page.locator('#DeviceName').fill(`Portaria ${mode}`)
    // Not `click`: the dialog still moves while its numbers come in.
    await page.locator('#settings button', { hasText: 'Save' }).dispatchEvent('click')
    await page.getByText(`Portaria ${mode}`).first().waitFor()
    await page.reload()
    await page.getByText(`Portaria ${mode}`).first().waitFor()
    await expectRecorded(devices.syncthing, mode, `Portaria ${mode}`)
    await page.context().close()
  })

  test('noVNC (a WebSocket): the screen is shown', async () => {
    const page = await open(devices.vnc, '/vnc.html?autoconnect=1')
    await page.locator('#noVNC_container canvas').waitFor()
    await expect
      .poll(() => page.evaluate("document.documentElement.classList.contains('noVNC_connected')"))
      .toBe(true)
    await page.context().close()
  })
})

/** What the browser sent of the device's screen shows this. */
async function expectRecorded(device: Item, mode: string, text: string): Promise<void> {
  const query = `?limit=200&type=DomRecordingStored&deviceId=${device.id}`
  type Stored = { sessionId: string; data: { ref: string } }
  const recorded = async () => {
    const { items } = await manager.get<{ items: Stored[] }>(`/api/audit/events${query}`)
    const parts = items.map(({ sessionId, data }) =>
      manager.call<unknown>('GET', `/api/audit/sessions/${sessionId}/bodies/${data.ref}`),
    )
    return JSON.stringify((await Promise.all(parts)).map(({ body }) => body))
  }
  await expect.poll(recorded, { message: `${device.name}, ${mode}` }).toContain(text)
}

/** The page with its data; what it asks a newcomer lies over it, and comes at any moment. */
async function whenReady(page: Page): Promise<void> {
  const question = page.locator('#ur')
  await page.addLocatorHandler(question, () => question.getByRole('button').last().click())
  await page.getByText('This Device').first().waitFor()
  await page.getByText('(unknown device)').waitFor({ state: 'detached' })
}
