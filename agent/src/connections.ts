/**
 * The agent's two MQTT connections (ADR 1): control (persistent session, QoS 1) and data (clean, QoS 0). How they are
 * dialled again is in `dialled.ts`.
 */
import { once } from 'node:events'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { newId } from '@travessia/schemas/ids'
import { willPayload } from '@travessia/schemas/reports'
import { controlFilter, dataFilter, formatTopic, parseTopic } from '@travessia/schemas/topics'
import { turnBytes } from '@travessia/schemas/tunnel-frame'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { Logger } from 'pino'
import type { AgentConfig } from './config.ts'
import { connectMs, Dialled } from './dialled.ts'
import { FrameStream } from './frame-stream.ts'
import { type ProxySettings, webSocketOptions } from './proxy.ts'

const badCredential = new Set([4, 5])

export type ConnectionEvents = {
  readonly command: (kind: string, payload: string) => void
  /** The frame is a view of bytes that are not used again. */
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
  /** Under the present data connection. */
  #frames: FrameStream | undefined
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

  /** QoS 0 on data; the frame must not change any more. @returns false: it is down */
  sendFrame(nodeId: string, frame: Uint8Array): boolean {
    // Also before the SUBACK: a node may greet as soon as it sees the subscription.
    if (!this.#data.client?.connected || !this.#frames) return false
    this.#frames.send(nodeId, frame)
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
    const frames = this.#frames
    if (!frames || frames.waitingBytes <= turnBytes) return undefined
    const signal = this.#data.lost
    this.#draining ??= once(frames, 'framesDrained', { signal })
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
    const config = this.#options.config()
    const { frame } = this.#options.events
    const options = { clientId: `${config.agentId}-d`, clean: true }
    return this.#dial(options, (socket) => {
      this.#frames = new FrameStream(config, socket, frame)
      return this.#frames
    })
  }

  #dial(options: IClientOptions, wrap = (socket: Duplex): Duplex => socket): MqttClient {
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
      wsOptions: { ...webSocketOptions(new URL(wsUrl), proxies), generateMask: maskOfZeros },
      manualConnect: true,
    })
    const streams = client as unknown as Streams
    const open = streams.streamBuilder
    streams.streamBuilder = (self) => wrap(withoutDelay(open(self)))
    client.connect()
    client.on('error', (error) => {
      log.warn({ err: error }, 'connection failed')
      if ('code' in error && badCredential.has(Number(error.code))) events.refused()
    })
    return client
  }
}

/** How mqtt.js opens its stream: not a promised part of it, its own options know no stream around the socket. */
type Streams = { streamBuilder: (client: unknown) => Duplex }

/**
 * A mask keeps what scripts in a browser send from being taken for requests by a proxy between. This is no browser, and
 * TLS or loopback is around it: with zeros nobody has to mask and unmask every byte (ADR 18).
 */
function maskOfZeros(mask: Uint8Array): void {
  mask.fill(0)
}

/** mqtt.js never sets it, `ws` does; with QoS 1 Nagle costs 44 ms a hop. */
function withoutDelay(socket: Duplex): Duplex {
  return socket instanceof Socket ? socket.setNoDelay(true) : socket
}
