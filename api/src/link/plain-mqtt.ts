/**
 * The link through any MQTT 3.1.1 broker: one clean session, one filter in each SUBSCRIBE. Whoever loses the broker
 * has lost every agent: each is told as gone at once, and is back with the next word of its own (a heartbeat, 30 s
 * at most). Killed at any line: nothing is kept here.
 */
import { Socket } from 'node:net'
import { checkJson } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import { TravessiaError } from '@travessia/schemas/errors'
import { shareBuffer } from '@travessia/schemas/give-back'
import { presenceSchema, stoppedPayload, willPayload } from '@travessia/schemas/reports'
import {
  type AgentAddress,
  type CommandKind,
  formatTopic,
  nodeFilters,
  parseTopic,
  type Topic,
} from '@travessia/schemas/topics'
import mqtt, { type MqttClient } from 'mqtt'
import type { Logger } from 'pino'
import type { Link, LinkHandlers } from './link.ts'

const isPresence = compile(presenceSchema)

export const plainMqttLimits = {
  /** From the dial to the last SUBACK; and how long a PUBACK may take. */
  answerMs: 10_000,
  /** What the broker has not yet taken; beyond, a frame counts as lost. Credit keeps it far below. */
  unsentBytes: 64 * 1024 * 1024,
  keepaliveSeconds: 15,
  /** Dialled again after random(0, min(longest, first × 2^n)). */
  firstPauseMs: 500,
  longestPauseMs: 8_000,
} as const

export type PlainMqttOptions = {
  readonly nodeId: string
  readonly url: string
  /** Asked at each dial. */
  readonly login: () => Promise<{ readonly username: string; readonly password: string }>
  /** Paired under this very tenant and not revoked: what others say is dropped, whatever their broker lets through. */
  readonly admits: (agent: AgentAddress) => boolean
  /** Whose tokens, of those that may still be shown, are refused if issued until `at`; what a broker that was away has missed. */
  readonly refused: () => ReadonlyArray<AgentAddress & { readonly at: number }>
  readonly now: () => number
  readonly log: Logger
}

/** `isThere`: nothing is known against its data connection. */
type Known = { readonly agent: AgentAddress; isThere: boolean }

export class PlainMqttLink implements Link {
  readonly nodeId: string
  readonly #options: PlainMqttOptions
  /** Of whom there was a word since the broker was reached. */
  readonly #known = new Map<string, Known>()
  #handlers: LinkHandlers | undefined
  /** Connected. Frames of agents are subscribed first, so whoever is heard can also answer. */
  #client: MqttClient | undefined
  #dialled: MqttClient | undefined
  #lost = new AbortController()
  #attempt = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: PlainMqttOptions) {
    this.#options = options
    this.nodeId = options.nodeId
  }

  /** Does not wait for the broker: it may itself wait for this node (its JWKS). */
  async start(handlers: LinkHandlers): Promise<void> {
    this.#handlers = handlers
    this.#dial()
  }

  async stop(): Promise<void> {
    this.#handlers = undefined
    clearTimeout(this.#timer)
    this.#lost.abort()
    const client = this.#dialled
    if (!client || client.disconnected) return
    const isClosed = new Promise<void>((done) => client.once('close', () => done()))
    client.end(true)
    await isClosed
  }

  send({ tenantId, agentId }: AgentAddress, frame: Uint8Array): boolean {
    const client = this.#client
    if (!client || !this.#known.get(agentId)?.isThere) return false
    if (client.stream.writableLength > plainMqttLimits.unsentBytes) return false
    const topic = formatTopic({ tenantId, agentId, channel: 'down', nodeId: this.nodeId })
    client.publish(topic, Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength), { qos: 0 })
    return true
  }

  command({ tenantId, agentId }: AgentAddress, kind: CommandKind, payload: string): Promise<void> {
    return this.#publish(formatTopic({ tenantId, agentId, channel: 'cmd', kind }), payload)
  }

  /** Unheard at once; a broker of ours also ends the connections (ADR 2), another one when the credential ends. */
  async revoke({ tenantId, agentId }: AgentAddress): Promise<void> {
    if (this.#known.delete(agentId)) this.#tellGone({ tenantId, agentId })
    await this.#sayRevoked({ tenantId, agentId }, this.#options.now())
  }

  async #sayRevoked({ tenantId, agentId }: AgentAddress, at: number): Promise<void> {
    const topic = formatTopic({ tenantId, agentId, channel: 'revoke' })
    await this.#publish(topic, String(at)).catch((error: unknown) =>
      this.#options.log.warn({ err: error, tenantId, agentId }, 'broker not told of a revocation'),
    )
  }

  /** @throws TravessiaError AGENT_OFFLINE: the broker is away, or does not answer */
  #publish(topic: string, payload: string): Promise<void> {
    const client = this.#client
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const fail = (cause?: unknown) => reject(new TravessiaError('AGENT_OFFLINE', {}, { cause }))
    if (!client) {
      fail()
      return promise
    }
    // mqtt.js would wait for a PUBACK for ever after the connection is gone.
    const end = AbortSignal.any([this.#lost.signal, AbortSignal.timeout(plainMqttLimits.answerMs)])
    const gone = () => fail(end.reason)
    end.addEventListener('abort', gone, { once: true })
    client.publish(topic, payload, { qos: 1 }, (error) => (error ? fail(error) : resolve()))
    return promise.finally(() => end.removeEventListener('abort', gone))
  }

  #dial(): void {
    const { login, log } = this.#options
    login()
      .then((given) => {
        if (this.#handlers) this.#connect(given)
      })
      .catch((error: unknown) => {
        log.error({ err: error }, 'no login for the broker')
        this.#dialAgain()
      })
  }

  #connect({ username, password }: { username: string; password: string }): void {
    const { url, log } = this.#options
    const { answerMs, keepaliveSeconds } = plainMqttLimits
    const client = mqtt.connect(url, {
      ...{ clientId: this.nodeId, clean: true, protocolVersion: 4, username, password },
      ...{ keepalive: keepaliveSeconds, connectTimeout: answerMs },
      ...{ reconnectPeriod: 0, resubscribe: false, queueQoSZero: false },
    })
    this.#dialled = client
    client.on('connect', () => {
      // mqtt.js never sets it, and Nagle costs 44 ms a hop; `ws` does it for its own.
      if (client.stream instanceof Socket) client.stream.setNoDelay(true)
      this.#client = client
      void this.#subscribe(client)
    })
    client.on('message', (topic, payload) => this.#heard(topic, payload))
    // The reason only: an error may carry the packet, and with it the password.
    client.on('error', ({ message }) => log.warn({ reason: message }, 'broker connection failed'))
    client.once('close', () => {
      client.end(true)
      this.#brokerLost()
      this.#dialAgain()
    })
  }

  /** One at a time: Aedes with Redis answers no SUBSCRIBE of several filters. */
  async #subscribe(client: MqttClient): Promise<void> {
    const { log } = this.#options
    const timer = setTimeout(() => client.end(true), plainMqttLimits.answerMs)
    try {
      for (const filter of nodeFilters(this.nodeId)) await client.subscribeAsync(filter, { qos: 1 })
      this.#attempt = 0
      log.info('broker reached')
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'broker refused a subscription')
      client.end(true)
    } finally {
      clearTimeout(timer)
    }
    for (const { at, ...agent } of this.#options.refused())
      if (this.#client === client) await this.#sayRevoked(agent, at)
  }

  #dialAgain(): void {
    if (!this.#handlers) return
    const { firstPauseMs, longestPauseMs } = plainMqttLimits
    const pauseMs = Math.random() * Math.min(longestPauseMs, firstPauseMs * 2 ** this.#attempt)
    this.#attempt += 1
    this.#timer = setTimeout(() => this.#dial(), pauseMs)
  }

  #brokerLost(): void {
    this.#client = undefined
    this.#lost.abort()
    this.#lost = new AbortController()
    const known = [...this.#known.values()]
    this.#known.clear()
    for (const { agent } of known) this.#tellGone(agent)
  }

  #tellGone(agent: AgentAddress): void {
    const at = this.#options.now()
    for (const connection of ['data', 'control'] as const)
      this.#handlers?.presence(agent, { connection, connected: false, address: '', at })
  }

  #heard(text: string, payload: Buffer): void {
    const topic = parseTopic(text)
    const known = topic && this.#knownOf(topic)
    if (!known) return
    try {
      this.#tell(topic, { known, payload })
    } catch (error) {
      this.#options.log.warn({ err: error, ...known.agent }, 'message refused')
    }
  }

  /** undefined: not ours, or not under this tenant. */
  #knownOf({ tenantId, agentId }: AgentAddress): Known | undefined {
    const known = this.#known.get(agentId)
    if (known) return known.agent.tenantId === tenantId ? known : undefined
    const agent = { tenantId, agentId }
    if (!this.#options.admits(agent)) return undefined
    const added = { agent, isThere: false }
    this.#known.set(agentId, added)
    return added
  }

  #tell(topic: Topic, { known, payload }: { known: Known; payload: Buffer }): void {
    const handlers = this.#handlers
    const { agent } = known
    switch (topic.channel) {
      case 'up':
        known.isThere = true
        // A part of a read, as other messages may be.
        if (payload.byteOffset > 0) shareBuffer(payload)
        return handlers?.frame(agent, payload)
      case 'ack':
        return handlers?.report(agent, 'ack', payload.toString())
      case 'status': {
        const said = payload.toString()
        known.isThere = said !== willPayload && said !== stoppedPayload
        return handlers?.report(agent, 'status', said)
      }
      case 'telemetry':
        return handlers?.sample(agent, topic.kind, payload.toString())
      case 'presence': {
        const presence = checkJson(isPresence, payload.toString())
        if (presence.connection === 'data') known.isThere = presence.connected
        return handlers?.presence(agent, presence)
      }
      case 'cmd':
      case 'down':
      case 'revoke':
        // Written by nodes, and not subscribed.
        return
    }
  }
}
