/** Chromium before two devices whose pages try everything, behind a real node and a real agent. */
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Item } from '../rig/api.ts'
import { type OwnAgent, registerDevice, startOwnAgent } from '../rig/own-agent.ts'
import { rethrownAfter } from '../rig/processes.ts'
import { type BareNode, startBareNode } from './bare-node.ts'
import { type CompatibilityDevice, startCompatibilityDevice } from './compatibility-device.ts'
import { startBrowser } from './screens.ts'

export const modes = ['host', 'path'] as const
type Mode = (typeof modes)[number]
type Opened = {
  readonly page: Page
  readonly base: string
  readonly context: BrowserContext
}

/** For the tests of one mode: a page of a device that stays open, and what they do there. */
export function keptOpen(open: () => Promise<Opened>) {
  let opened: Opened
  beforeAll(async () => {
    opened = await open()
  })
  afterAll(() => opened?.context.close())
  return {
    opened: () => opened,
    page: () => opened.page,
    at: (path: string) => opened.page.goto(opened.base + path),
    run: <T>(script: string) => opened.page.evaluate(script) as Promise<T>,
    /** Ends where the device's page is, under the session's own address. */
    expectAt: (path: string) => opened.page.waitForURL(opened.base + path),
  }
}

export class DevicePages {
  readonly device: CompatibilityDevice
  readonly other: CompatibilityDevice
  readonly #browser: Browser
  readonly #node: BareNode
  readonly #agent: OwnAgent

  constructor({ browser, node, agent, device, other }: Started) {
    this.device = device
    this.other = other
    this.#browser = browser
    this.#node = node
    this.#agent = agent
  }

  register(name: string, baseUrl: string, fields = {}): Promise<Item> {
    const device = { name, baseUrl, ...fields }
    return registerDevice(this.#node.admin, this.#agent.installationId, device)
  }

  /** The first device, with the second one as a further port of it. */
  compatible(): Promise<Item> {
    return this.register('Compatível', this.device.url, { targets: [{ port: this.other.port }] })
  }

  /** A session's first page, in a browser profile of its own or in a given one. */
  async open(mode: Mode, of: Item, given?: BrowserContext): Promise<Opened> {
    const context = given ?? (await this.#profile())
    context.setDefaultTimeout(30_000)
    const page = await context.newPage()
    const path = `/api/devices/${of.id}/sessions`
    const { status, body } = await this.#node.admin.call<{ url: string }>('POST', path, { mode })
    expect([status, body]).toMatchObject([201, { url: expect.any(String) }])
    await page.goto(body.url)
    return { page, base: body.url.replace(/\/__travessia\/.*$/, ''), context }
  }

  async stop(): Promise<void> {
    await this.#agent.stop()
    await this.#browser.close()
    await this.#node.stop()
    this.device.stop()
    this.other.stop()
  }

  #profile(): Promise<BrowserContext> {
    return this.#browser.newContext({ httpCredentials: { username: 'ana', password: 'segredo' } })
  }
}

type Started = {
  readonly browser: Browser
  readonly node: BareNode
  readonly agent: OwnAgent
  readonly device: CompatibilityDevice
  readonly other: CompatibilityDevice
}

export async function startDevicePages(): Promise<DevicePages> {
  const [browser, node, device, other] = await Promise.all([
    startBrowser(),
    startBareNode(),
    startCompatibilityDevice(),
    startCompatibilityDevice(),
  ])
  const agent = await startOwnAgent(node, node.admin, 'Compatibilidade').catch(
    rethrownAfter(() => Promise.all([browser.close(), node.stop()])),
  )
  return new DevicePages({ browser, node, agent, device, other })
}
