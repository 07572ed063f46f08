/**
 * The two MQTT connections of DESIGN 4: control (persistent session, QoS 1) and data (clean, QoS 0). How they are
 * dialled again is in `dialled.ts`.
 */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { newId } from '@travessia/schemas/ids'
import { willPayload } from '@travessia/schemas/reports'
import { controlFilter, dataFilter, formatTopic, parseTopic } from '@travessia/schemas/topics'
import { turnBytes } from '@travessia/schemas/tunnel-frame'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { Logger } from 'pino'
import type { AgentConfig } from './config.ts'
import { connectMs, Dialled } from './dialled.ts'
import { type ProxySettings, webSocketOptions } from './proxy.ts'

const badCredential = new Set([4, 5])

export type ConnectionEvents = {
  readonly command: (kind: string, payload: string) => void
  readonly frame: (nodeId: string, frame: Uint8Array) => void
  /** The control connection is there and subscribed. */
  readonly controlUp: () => void
  /** The data connection is there and subscribed: a new `dataEpoch`. */
  readonly dataUp: () => void
  /** The data connection is gone, and with it every stream. */
  readonly dataLost: () => void
  /** The broker refused the credential. */
  readonly refused: () => void
}

type Options = {
  readonly config: () => AgentConfig
  readonly events: ConnectionEvents
  readonly proxies: ProxySettings
  readonly log: Logger
  readonly keepaliveSeconds?: number
}

export class Connections {
  readonly #options: Options
  readonly #control: Dialled
  readonly #data: Dialled
  #draining: Promise<void> | undefined
  /** New at each data connection; `''`: down. */
  dataEpoch = ''

  constructor(options: Options) {
    this.#options = options
    const { config, events, log } = options
    const nothing = () => undefined
    this.#control = new Dialled({
      ...{ dial: () => this.#dialControl(), filter: () => controlFilter(config()), qos: 1, log },
      up: () => {
        this.#data.hurry()
        events.controlUp()
      },
      down: nothing,
    })
    this.#data = new Dialled({
      ...{ dial: () => this.#dialData(), filter: () => dataFilter(config()), qos: 0, log },
      up: () => {
        this.#control.hurry()
        this.dataEpoch = newId()
        events.dataUp()
      },
      down: () => {
        this.dataEpoch = ''
        events.dataLost()
      },
    })
  }

  get isControlUp(): boolean {
    return this.#control.isUp
  }

  get isDataUp(): boolean {
    return this.#data.isUp
  }

  /** false: dialling has stalled, which nothing in here can mend. */
  get isWorking(): boolean {
    return this.#control.isWorking && this.#data.isWorking
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

  /** QoS 1 on control. @returns false: the broker has not taken it */
  async publish(channel: 'ack' | 'status', message: unknown): Promise<boolean> {
    const { tenantId, agentId } = this.#options.config()
    const { client, isUp, lost } = this.#control
    if (!client || !isUp) return false
    const topic = formatTopic({ tenantId, agentId, channel })
    return new Promise((resolve) => {
      // mqtt.js would wait for a PUBACK for ever after the connection is gone.
      const gone = () => resolve(false)
      lost.addEventListener('abort', gone, { once: true })
      client.publish(topic, JSON.stringify(message), { qos: 1 }, (error) => {
        lost.removeEventListener('abort', gone)
        resolve(!error)
      })
    })
  }

  /** QoS 0 on data. @returns false: it is down */
  sendFrame(nodeId: string, frame: Uint8Array): boolean {
    const { tenantId, agentId } = this.#options.config()
    const { client } = this.#data
    // Also before the SUBACK: a node may greet as soon as it sees the subscription.
    if (!client?.connected) return false
    const topic = formatTopic({ tenantId, agentId, channel: 'up', nodeId })
    client.publish(topic, Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength), { qos: 0 })
    return true
  }

  /** QoS 0 on data; lost when it is down. */
  sample(kind: string, message: unknown): void {
    const { tenantId, agentId } = this.#options.config()
    const topic = formatTopic({ tenantId, agentId, channel: 'telemetry', kind })
    if (this.isDataUp) this.#data.client?.publish(topic, JSON.stringify(message), { qos: 0 })
  }

  /** undefined, or resolves when of more than `turnBytes` that have not yet left this process none are left. */
  drained(): Promise<void> | undefined {
    const stream = this.#data.client?.stream
    if (!stream || stream.writableLength <= turnBytes) return undefined
    const signal = this.#data.lost
    this.#draining ??= once(stream, 'drain', { signal })
      .then(() => undefined)
      .catch(() => undefined)
      .finally(() => {
        this.#draining = undefined
      })
    return this.#draining
  }

  #dialControl(): MqttClient {
    const { tenantId, agentId } = this.#options.config()
    const topic = formatTopic({ tenantId, agentId, channel: 'status' })
    const will = { topic, payload: Buffer.from(willPayload), qos: 1, retain: false } as const
    const client = this.#dial({ clientId: agentId, clean: false, will })
    client.on('message', (text, payload) => {
      const parsed = parseTopic(text)
      if (parsed?.channel === 'cmd') this.#options.events.command(parsed.kind, payload.toString())
    })
    return client
  }

  #dialData(): MqttClient {
    const client = this.#dial({ clientId: `${this.#options.config().agentId}-d`, clean: true })
    client.on('message', (text, payload) => {
      const parsed = parseTopic(text)
      if (parsed?.channel === 'down') this.#options.events.frame(parsed.nodeId, payload)
    })
    return client
  }

  #dial(options: IClientOptions): MqttClient {
    const { config, proxies, log, events, keepaliveSeconds = 30 } = this.#options
    const { wsUrl, agentId, token } = config()
    const client = mqtt.connect(wsUrl, {
      ...options,
      protocolVersion: 4,
      username: agentId,
      password: token,
      keepalive: keepaliveSeconds,
      reconnectPeriod: 0,
      connectTimeout: connectMs,
      resubscribe: false,
      queueQoSZero: false,
      wsOptions: webSocketOptions(new URL(wsUrl), proxies),
    })
    client.on('connect', () => setNoDelay(client.stream))
    client.on('error', (error) => {
      log.warn({ err: error }, 'connection failed')
      if ('code' in error && badCredential.has(Number(error.code))) events.refused()
    })
    return client
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
