/**
 * One MQTT connection that is dialled again whenever it ends, with full jitter; an address change dials at once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { MqttClient } from 'mqtt'
import type { Logger } from 'pino'

/** What hangs for as long as the longest pause of the first ten minutes needs no pause after it. */
export const connectMs = 8_000
const fastPhaseMs = 10 * 60_000
/** Longer than the longest pause with a dial that fails. */
const stalledMs = 120_000
/** A dial that goes well needs less, also over a slow network. */
const hurryMs = 2_000
/** The longest that a stop waits until what was said last is taken. */
const lastWordMs = 1_000

/** random(0, min(8 s, 0.5 s × 2^n)) for the first ten minutes of an outage, then up to 60 s. */
export function reconnectDelayMs(attempt: number, outageMs: number, random = Math.random): number {
  return random() * (outageMs < fastPhaseMs ? Math.min(8_000, 500 * 2 ** attempt) : 60_000)
}

type Line = {
  readonly dial: () => MqttClient
  readonly filter: () => string
  readonly qos: 0 | 1
  readonly up: () => void
  readonly down: () => void
  readonly log: Logger
}

export class Dialled {
  readonly #line: Line
  client: MqttClient | undefined
  /** Connected, and the broker has confirmed the subscription. */
  isUp = false
  #lost = new AbortController()
  #attempt = 0
  #downSince = 0
  #changedAt = 0
  #timer: NodeJS.Timeout | undefined
  #hurryTimer: NodeJS.Timeout | undefined
  #isWanted = false

  constructor(line: Line) {
    this.#line = line
  }

  /** Aborted when the present connection is gone. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  get isWorking(): boolean {
    return this.isUp || !this.#isWanted || performance.now() - this.#changedAt < stalledMs
  }

  start(): void {
    this.#isWanted = true
    this.#downSince = performance.now()
    this.#connect()
  }

  /** What is on its way is waited for, unless nobody takes it. */
  async stop(): Promise<void> {
    this.#isWanted = false
    clearTimeout(this.#timer)
    clearTimeout(this.#hurryTimer)
    const { client } = this
    const ended = client?.endAsync().catch(() => undefined)
    await Promise.race([ended, sleep(lastWordMs, undefined, { ref: false })])
    client?.stream.destroy()
  }

  /** The network is there: no pause is needed any more, and a dial that began without it may hang. */
  hurry(): void {
    clearTimeout(this.#hurryTimer)
    if (!this.client) return this.redial()
    this.#hurryTimer = setTimeout(() => {
      if (!this.isUp) this.redial()
    }, hurryMs)
  }

  redial(): void {
    if (!this.#isWanted) return
    this.#attempt = 0
    this.#downSince = performance.now()
    clearTimeout(this.#timer)
    this.#discard()
    this.#connect()
  }

  #connect(): void {
    this.#changedAt = performance.now()
    const client = this.#line.dial()
    this.client = client
    client.on('connect', () => void this.#subscribe(client))
    client.once('close', () => {
      if (this.client === client) this.#dialAgain()
    })
  }

  /** Also when the broker kept the session: whether it kept the subscription is not ours to assume. */
  async #subscribe(client: MqttClient): Promise<void> {
    const { filter, qos, up, log } = this.#line
    const timer = setTimeout(() => client.end(true), connectMs)
    try {
      await client.subscribeAsync(filter(), { qos })
      if (this.client !== client) return
      this.#attempt = 0
      this.isUp = true
      up()
    } catch (error) {
      log.warn({ err: error }, 'not subscribed')
      client.end(true)
    } finally {
      clearTimeout(timer)
    }
  }

  #dialAgain(): void {
    const wasUp = this.isUp
    this.#discard()
    if (!this.#isWanted) return
    if (wasUp) this.#downSince = performance.now()
    const wanted = reconnectDelayMs(this.#attempt, performance.now() - this.#downSince)
    // A dial that hung was a pause already: an agent is back within 10 s of its network.
    const delay = wasUp ? wanted : Math.max(0, wanted - (performance.now() - this.#changedAt))
    this.#attempt += 1
    this.#changedAt = performance.now()
    this.#line.log.info({ delayMs: Math.round(delay) }, 'dialling again')
    this.#timer = setTimeout(() => this.#connect(), delay)
  }

  /** A dead socket would hang for minutes: it is destroyed, not closed. */
  #discard(): void {
    const client = this.client
    this.client = undefined
    this.isUp = false
    client?.removeAllListeners()
    client?.on('error', () => undefined)
    client?.end(true)
    this.#lost.abort()
    this.#lost = new AbortController()
    this.#line.down()
  }
}
