/**
 * The two MQTT connections of DESIGN 4: control (persistent session, QoS 1) and data (clean, QoS 0). Both are
 * dialled from here again and again, with full jitter; an address change dials at once.
 */
import type { Duplex } from 'node:stream'
import { newId } from '@travessia/schemas/ids'
import { willPayload } from '@travessia/schemas/reports'
import { controlFilter, dataFilter, formatTopic, parseTopic } from '@travessia/schemas/topics'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { Logger } from 'pino'
import type { AgentConfig } from './config.ts'

const keepaliveSeconds = 30
const fastPhaseMs = 10 * 60_000
const badCredential = new Set([4, 5])

/** random(0, min(8 s, 0.5 s × 2^n)) for the first ten minutes of an outage, then up to 60 s (DESIGN 5). */
export function reconnectDelayMs(attempt: number, outageMs: number, random = Math.random): number {
  return random() * (outageMs < fastPhaseMs ? Math.min(8_000, 500 * 2 ** attempt) : 60_000)
}

export type ConnectionEvents = {
  readonly command: (kind: string, payload: string) => void
  readonly frame: (nodeId: string, frame: Uint8Array) => void
  /** A connection was made or lost. */
  readonly changed: () => void
  /** The broker refused the credential. */
  readonly refused: () => void
}

export class Connections {
  readonly #config: () => AgentConfig
  readonly #events: ConnectionEvents
  readonly #log: Logger
  readonly #control: Dialled
  readonly #data: Dialled
  /** New at each data connection; `''`: down. */
  dataEpoch = ''

  constructor(config: () => AgentConfig, events: ConnectionEvents, log: Logger) {
    this.#config = config
    this.#events = events
    this.#log = log
    this.#control = new Dialled(() => this.#dialControl(), log)
    this.#data = new Dialled(() => this.#dialData(), log)
  }

  get isControlUp(): boolean {
    return this.#control.isUp
  }

  get isDataUp(): boolean {
    return this.#data.isUp
  }

  start(): void {
    this.#control.start()
    this.#data.start()
  }

  async stop(): Promise<void> {
    await Promise.all([this.#control.stop(), this.#data.stop()])
  }

  /** Drops both connections and dials at once: the address changed, or there is a new token. */
  redial(): void {
    this.#control.redial()
    this.#data.redial()
  }

  /** QoS 1 on control. @returns false: it is down, nothing was sent */
  async publish(channel: 'ack' | 'status', message: unknown): Promise<boolean> {
    const { tenantId, agentId } = this.#config()
    const client = this.#control.client
    if (!client || !this.#control.isUp) return false
    await client.publishAsync(
      formatTopic({ tenantId, agentId, channel }),
      JSON.stringify(message),
      { qos: 1 },
    )
    return true
  }

  /** QoS 0 on data. @returns false: it is down */
  sendFrame(nodeId: string, frame: Uint8Array): boolean {
    const { tenantId, agentId } = this.#config()
    const client = this.#data.client
    if (!client || !this.#data.isUp) return false
    const topic = formatTopic({ tenantId, agentId, channel: 'up', nodeId })
    client.publish(topic, Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength), { qos: 0 })
    return true
  }

  #dialControl(): MqttClient {
    const { tenantId, agentId } = this.#config()
    const topic = formatTopic({ tenantId, agentId, channel: 'status' })
    const will = { topic, payload: Buffer.from(willPayload), qos: 1, retain: false } as const
    const client = this.#dial({ clientId: agentId, clean: false, will })
    client.on('connect', ({ sessionPresent }) => {
      if (!sessionPresent) client.subscribe(controlFilter(this.#config()), { qos: 1 })
    })
    client.on('message', (text, payload) => {
      const parsed = parseTopic(text)
      if (parsed?.channel === 'cmd') this.#events.command(parsed.kind, payload.toString())
    })
    return client
  }

  #dialData(): MqttClient {
    const client = this.#dial({ clientId: `${this.#config().agentId}-d`, clean: true })
    client.on('connect', () => {
      client.subscribe(dataFilter(this.#config()), { qos: 0 }, () => {
        this.dataEpoch = newId()
        this.#events.changed()
      })
    })
    client.on('close', () => {
      this.dataEpoch = ''
    })
    client.on('message', (text, payload) => {
      const parsed = parseTopic(text)
      if (parsed?.channel === 'down') this.#events.frame(parsed.nodeId, payload)
    })
    return client
  }

  #dial(options: IClientOptions): MqttClient {
    const { wsUrl, agentId, token } = this.#config()
    const client = mqtt.connect(wsUrl, {
      ...options,
      protocolVersion: 4,
      username: agentId,
      password: token,
      keepalive: keepaliveSeconds,
      reconnectPeriod: 0,
      connectTimeout: 10_000,
      resubscribe: false,
      queueQoSZero: false,
    })
    client.on('connect', () => {
      setNoDelay(client.stream)
      this.#events.changed()
    })
    client.on('close', () => this.#events.changed())
    client.on('error', (error) => {
      this.#log.warn({ err: error }, 'connection failed')
      if ('code' in error && badCredential.has(Number(error.code))) this.#events.refused()
    })
    return client
  }
}

/** One connection that is dialled again whenever it ends. */
class Dialled {
  readonly #dial: () => MqttClient
  readonly #log: Logger
  client: MqttClient | undefined
  #attempt = 0
  #downSince = 0
  #timer: NodeJS.Timeout | undefined
  #isWanted = false

  constructor(dial: () => MqttClient, log: Logger) {
    this.#dial = dial
    this.#log = log
  }

  get isUp(): boolean {
    return this.client?.connected ?? false
  }

  start(): void {
    this.#isWanted = true
    this.#downSince = performance.now()
    this.#connect()
  }

  async stop(): Promise<void> {
    this.#isWanted = false
    clearTimeout(this.#timer)
    await this.client?.endAsync().catch(() => undefined)
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
    const client = this.#dial()
    this.client = client
    client.on('connect', () => {
      this.#attempt = 0
    })
    client.once('close', () => {
      if (this.client === client) this.#lost()
    })
  }

  #lost(): void {
    this.#discard()
    if (!this.#isWanted) return
    if (this.#attempt === 0) this.#downSince = performance.now()
    const delay = reconnectDelayMs(this.#attempt, performance.now() - this.#downSince)
    this.#attempt += 1
    this.#log.info({ delayMs: Math.round(delay) }, 'dialling again')
    this.#timer = setTimeout(() => this.#connect(), delay)
  }

  /** A dead socket would hang for minutes: it is destroyed, not closed. */
  #discard(): void {
    const client = this.client
    this.client = undefined
    client?.removeAllListeners()
    client?.on('error', () => undefined)
    client?.end(true)
  }
}

/** mqtt.js never sets it; with QoS 1 Nagle costs 44 ms a hop. */
function setNoDelay(
  stream: Duplex & { socket?: unknown; _socket?: unknown; setNoDelay?: unknown },
): void {
  const socket = [
    stream,
    stream.socket,
    stream._socket,
    (stream.socket as { _socket?: unknown })?._socket,
  ].find((one) => typeof (one as { setNoDelay?: unknown } | undefined)?.setNoDelay === 'function')
  ;(socket as { setNoDelay(on: boolean): void } | undefined)?.setNoDelay(true)
}
