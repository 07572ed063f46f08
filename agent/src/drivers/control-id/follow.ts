/**
 * Follows who passes: asks the device for the rows after those that are in the log of the cloud, at once when it tells
 * that something happened, and slowly otherwise. Killed or cut off anywhere: the same rows are read again, and the log
 * knows them by their key.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DeviceState } from '@travessia/schemas/device-state'
import { turnDirections } from '@travessia/schemas/passages'
import type { Inlet } from '../../monitor-inlet.ts'
import type { DeviceMemory } from '../../passage-memory.ts'
import { type Fields, fieldsOf, idOf, numberOf, parsedExactly } from '../answers.ts'
import type { Ends, Follower, PassageDesk } from '../driver.ts'
import { pauseMs } from '../polling.ts'
import type { ControlIdClient } from './client.ts'
import { type Page, readPage } from './lists.ts'
import { heardOf, planMonitor, settingsFor, silentMs } from './monitor.ts'
import { maxReleases, type Release, readPassages } from './passages.ts'

const answerMs = 5_000
const toldMs = 30_000
const askedMs = 5_000
const atMostMs = 120_000
const betweenMs = 300
/** The device may tell before its list has the row. */
const notYetMs = 1_000
const monitorAgainMs = { told: 10 * 60_000, asked: 60_000 }
const identifyAgainMs = 30_000
const usualReleaseMs = 10_000

type Source = NonNullable<DeviceState['passages']>
type About = {
  readonly deviceId: string
  readonly aheadMs: number | undefined
  readonly ends: Ends | undefined
  readonly at: number
}

export class PassageFollower implements Follower {
  readonly #client: ControlIdClient
  readonly #desk: PassageDesk
  readonly #onHint: () => void
  readonly #stop = new AbortController()
  #memory: DeviceMemory
  #releases: readonly Release[] = []
  #about: About | undefined
  #inlet: Inlet | undefined
  #settings: { gateway: string | undefined; releaseMs: number } | undefined
  /** For which addresses, and when. */
  #arranged = { place: '', at: Number.NEGATIVE_INFINITY }
  #heardAt = Number.NEGATIVE_INFINITY
  #tellsAnother = false
  #isHinted = false
  #failures = 0
  #wake = () => {}

  /** @param onHint something happened at the device */
  constructor(client: ControlIdClient, desk: PassageDesk, onHint: () => void) {
    this.#client = client
    this.#desk = desk
    this.#onHint = onHint
    this.#memory = desk.memory()
    void this.#run()
  }

  /** undefined: not known yet, or the device does not say. */
  get entry(): DeviceState['entry'] {
    return turnDirections.find((one) => one === this.#settings?.gateway)
  }

  get source(): Source {
    if (this.#tellsAnother) return 'tells-another'
    return performance.now() - this.#heardAt < silentMs ? 'told' : 'asked'
  }

  again(): void {
    this.#failures = 0
    this.#hint()
  }

  stop(): void {
    this.#stop.abort()
    this.#inlet?.close()
    this.#wake()
  }

  /** A command is about to release the arm. */
  releasing(commandId: string): void {
    this.#releases = [...this.#releases, { at: this.#desk.now(), commandId }].slice(-maxReleases)
  }

  /** It did not. */
  notReleased(commandId: string): void {
    this.#releases = this.#releases.filter((one) => one.commandId !== commandId)
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const wasHinted = this.#isHinted
      this.#isHinted = false
      const restMs = await this.#turn(wasHinted).catch((error: unknown) => this.#failed(error))
      await sleep(betweenMs)
      if (!this.#isHinted && !this.#stop.signal.aborted) await this.#rest(restMs - betweenMs)
    }
  }

  /** @returns ms until the next one */
  async #turn(wasHinted: boolean): Promise<number> {
    if (!this.#desk.isUp()) return askedMs
    const about = await this.#identify()
    await this.#arrange(about).catch((error: unknown) => this.#desk.warn(error))
    const logs = await this.#read('access_logs')
    const events = await this.#read('access_events')
    const hasRows = logs.rows.length + events.rows.length > 0
    if (!(await this.#tell(logs, events))) throw new Error('not taken')
    this.#failures = 0
    if (logs.isFull || events.isFull) return 0
    if (wasHinted && !hasRows) return notYetMs
    return this.source === 'told' ? toldMs : askedMs
  }

  async #tell(logs: Page, events: Page): Promise<boolean> {
    const { gateway, releaseMs } = this.#settings ?? {
      gateway: undefined,
      releaseMs: usualReleaseMs,
    }
    const now = Math.round(this.#desk.now())
    const facts = { gateway, releaseMs, aheadMs: this.#about?.aheadMs, now }
    const rows = { access_logs: logs.rows, access_events: events.rows }
    const before = this.#releases
    const { passages, releases } = readPassages(rows, before, facts)
    const missed = [logs, events].flatMap((page) =>
      page.missed ? [{ ...page.missed, agentAt: now }] : [],
    )
    const all = [...missed, ...passages]
    if (all.length > 0 && !(await this.#desk.tell(all))) return false
    // Meanwhile a command may have come in, or have come to nothing.
    const added = this.#releases.filter((one) => !before.includes(one))
    const isStill = (one: Release) => !before.includes(one) || this.#releases.includes(one)
    this.#releases = [...releases.filter(isStill), ...added]
    const { path } = this.#memory
    this.#keep({ path, access_events: events.cursor, access_logs: logs.cursor })
    return true
  }

  #keep(memory: DeviceMemory): void {
    const isSame = JSON.stringify(memory) === JSON.stringify(this.#memory)
    this.#memory = memory
    if (!isSame) this.#desk.keep(memory)
  }

  async #read(list: 'access_logs' | 'access_events'): Promise<Page> {
    const load = async (query: string) => (await this.#call('load_objects', query)).body
    return readPage(load, list, this.#memory[list])
  }

  /** Who the device is, how its clock goes, and by which address it is reached. */
  async #identify(): Promise<About> {
    const at = performance.now()
    if (this.#about && at - this.#about.at < identifyAgainMs) return this.#about
    const { body, ends } = await this.#call('system_information', {})
    const information = fieldsOf(parsedExactly(body))
    const seconds = numberOf(information['time'])
    const aheadMs = seconds === undefined ? undefined : seconds * 1000 - this.#desk.now()
    this.#about = { deviceId: idOf(information['device_id']) ?? '', aheadMs, ends, at }
    return this.#about
  }

  /** That the device tells us, if its owner has not told it to tell somebody else. */
  async #arrange({ ends }: About): Promise<void> {
    if (!ends) return
    const place = `${ends.local} ${ends.device}`
    const againMs = this.source === 'told' ? monitorAgainMs.told : monitorAgainMs.asked
    const arranged = this.#arranged
    if (arranged.place === place && performance.now() - arranged.at < againMs) return
    if (arranged.place !== place) this.#closeInlet()
    this.#arranged = { place, at: performance.now() }
    const current = await this.#configuration()
    this.#inlet ??= await this.#openInlet(ends)
    if (!this.#inlet) return
    const wanted = settingsFor(this.#inlet, this.#memory.path)
    const plan = planMonitor(fieldsOf(current['monitor']), wanted)
    this.#tellsAnother = plan === 'leave'
    if (plan === 'leave') this.#closeInlet()
    if (plan !== 'set') return
    this.#desk.keep(this.#memory)
    await this.#call('set_configuration', { monitor: wanted })
  }

  async #configuration(): Promise<Fields> {
    const names = Object.keys(settingsFor({ hostname: '', port: 0 }, ''))
    const wanted = { monitor: names, catra: ['gateway'], general: ['catra_timeout'] }
    const current = fieldsOf(parsedExactly((await this.#call('get_configuration', wanted)).body))
    const gateway = fieldsOf(current['catra'])['gateway']
    const releaseMs = Number(fieldsOf(current['general'])['catra_timeout'])
    // What is told of the device names its entry from now on.
    if (!this.#settings) this.#onHint()
    this.#settings = {
      gateway: typeof gateway === 'string' ? gateway : undefined,
      releaseMs: releaseMs > 0 ? releaseMs : usualReleaseMs,
    }
    return current
  }

  async #openInlet(ends: Ends): Promise<Inlet | undefined> {
    const take = (name: string, body: string) => this.#take(name, body)
    const inlet = await this.#desk.openInlet({ ends, path: this.#memory.path, take })
    if (!this.#stop.signal.aborted) return inlet
    inlet?.close()
    return undefined
  }

  #closeInlet(): void {
    this.#inlet?.close()
    this.#inlet = undefined
  }

  #take(name: string, body: string): 200 | 403 | 404 {
    const heard = heardOf(name, body, this.#about?.deviceId ?? '')
    if (heard === 'nothing') return 404
    if (heard === 'not ours') return 403
    this.#heardAt = performance.now()
    if (heard === 'happened') {
      this.#hint()
      this.#onHint()
    }
    return 200
  }

  #hint(): void {
    this.#isHinted = true
    this.#wake()
  }

  #failed(error: unknown): number {
    if (this.#failures === 0 && !this.#stop.signal.aborted) this.#desk.warn(error)
    this.#failures += 1
    return pauseMs({ usualMs: askedMs, atMostMs, failures: this.#failures - 1 })
  }

  async #rest(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async #call(command: string, body: unknown) {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(answerMs)])
    const context = { commandId: 'passages', startWithinMs: () => answerMs, signal }
    const answer = await this.#client.call(command, body, context)
    if (answer.status !== 200) throw new Error(`${command} answered ${answer.status}`)
    return answer
  }
}
