/**
 * Aedes with every hook closed by default; no sockets here. Killed at any line: persistent sessions are on
 * disk as far as they were written, agents connect again, and the log re-sends what was not acknowledged.
 */
import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { TravessiaError } from '@travessia/schemas/errors'
import { type Presence, willPayload } from '@travessia/schemas/reports'
import { type AgentAddress, parseTopic, type Topic } from '@travessia/schemas/topics'
import { Aedes, type AedesOptions, type Client, type PublishPacket } from 'aedes'
import type { Logger } from 'pino'
import { type Hello, isOwnWill, principalOf } from './authenticate.ts'
import { mayPublish, mayRead, maySubscribe } from './authorize.ts'
import { connackCode, refusal } from './connack.ts'
import { Counts } from './counts.ts'
import { type AedesClient, DataLine, tapFrames } from './data-line.ts'
import type { Persistence } from './persistence.ts'
import type { Credential, Principal, VerifyCredential } from './principal.ts'
import { dropSession } from './revocation.ts'
import { capQueues, maxQueued } from './session-quota.ts'
import { keepSystemSilent } from './system-topics.ts'
import { defaultLimits, type GuardLimits, TransportGuard } from './transport-guard.ts'

type BrokerLimits = GuardLimits & {
  /** Connections of all agents of a tenant. */
  readonly maxSocketsPerTenant: number
  /**
   * Who asks for a longer keepalive, or for none, is held to this one: a dead link must show within 45 s. Aedes'
   * `keepaliveLimit` would answer with a return code that MQTT 3.1.1 does not have.
   */
  readonly maxKeepaliveSeconds: number
  /** How long a client may leave unread what is written to it. */
  readonly drainTimeoutMs: number
}

export const brokerLimits: BrokerLimits = {
  ...defaultLimits,
  maxSocketsPerTenant: 2_000,
  maxKeepaliveSeconds: 30,
  drainTimeoutMs: 10_000,
}

export type BrokerOptions = {
  readonly verify: VerifyCredential
  readonly persistence: Persistence
  readonly limits?: Partial<BrokerLimits>
  readonly now: () => number
  readonly log: Logger
}

type PublishListener = (topic: Topic, payload: Buffer, from: Principal) => void
type FrameListener = (agent: AgentAddress, frame: Uint8Array) => void
type PresenceListener = (agent: AgentAddress, presence: Presence) => void

type Session = {
  readonly principal: Principal
  readonly address: string
  readonly expiry: NodeJS.Timeout
}

/** A timer takes no more: a token that lives longer than 24 days costs a reconnect. */
const longestTimerMs = 2 ** 31 - 1

export class Broker {
  readonly #aedes: Aedes
  readonly #options: BrokerOptions
  readonly #limits: BrokerLimits
  readonly #perTenant: Counts
  /** Every connection from its CONNECT to its end. */
  readonly #hellos = new Map<Client, Hello>()
  readonly #sessions = new WeakMap<Client, Session>()
  /** The newest connection of each client id, from the end of its greeting to its own. */
  readonly #clients = new Map<string, AedesClient>()
  readonly #addresses = new WeakMap<object, string>()
  /** Of each agent, the newest data connection. */
  readonly #dataLines = new Map<string, DataLine>()
  #frames: { readonly nodeId: string; readonly listener: FrameListener } | undefined
  readonly #publishListeners: PublishListener[] = []
  readonly #presenceListeners: PresenceListener[] = []

  static async create(options: BrokerOptions): Promise<Broker> {
    const broker = new Broker(options)
    await broker.#aedes.listen()
    return broker
  }

  private constructor(options: BrokerOptions) {
    this.#options = options
    this.#limits = { ...brokerLimits, ...options.limits }
    this.#perTenant = new Counts(this.#limits.maxSocketsPerTenant)
    const { persistence, log } = options
    capQueues(persistence.engine, maxQueued, (clientId, count) =>
      log.warn({ clientId, count }, 'queue full, oldest dropped'),
    )
    this.#aedes = new Aedes({
      // One frozen reader must not take the slots of all (docs/protocol.md); credit bounds what is under way.
      concurrency: 0,
      drainTimeout: this.#limits.drainTimeoutMs,
      persistence: persistence.engine,
      ...this.#hooks(),
    })
    keepSystemSilent(this.#aedes)
    this.#aedes.on('connackSent', ({ returnCode }, client) => {
      const principal = this.#sessions.get(client)?.principal
      const guard = client.conn
      if (returnCode !== 0 || !principal || !(guard instanceof TransportGuard)) return
      guard.connected(principal.kind === 'node' || principal.connection === 'data')
      if (principal.kind !== 'agent' || principal.connection !== 'data' || !this.#frames) return
      const { nodeId, listener } = this.#frames
      tapFrames({ principal, client: client as AedesClient, guard }, nodeId, (frame) =>
        this.#tell(() => listener(principal, frame)),
      )
    })
    this.#aedes.on('clientReady', (client) => this.#ready(client as AedesClient))
    // The reason only: an error of Aedes may carry the packet, and with it a token.
    this.#aedes.on('clientError', (client, { message }) =>
      log.warn({ reason: message, clientId: client.id }, 'client ended'),
    )
    this.#aedes.on('connectionError', (_client, { message }) =>
      log.warn({ reason: message }, 'connection ended'),
    )
    const emitter: EventEmitter = this.#aedes
    emitter.on('error', (error: Error) => log.error({ err: error }, 'broker error'))
  }

  /** Takes a connection of any kind; `address` is the remote one as the listener sees it. */
  accept(socket: Duplex, address: string): void {
    const guard = new TransportGuard(socket, this.#limits)
    this.#addresses.set(guard, address)
    this.#aedes.handle(guard)
  }

  /** QoS 0 to the agent's data connection on `down/{nodeId}`. @returns false: there is none, or it may not read this */
  deliver({ tenantId, agentId }: AgentAddress, nodeId: string, frame: Uint8Array): boolean {
    const line = this.#dataLines.get(agentId)
    return line?.principal.tenantId === tenantId && line.send(nodeId, frame)
  }

  /** QoS 1 from inside. */
  publish(topic: string, payload: string): Promise<void> {
    const packet = { cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false } as const
    return new Promise((resolve, reject) => {
      this.#aedes.publish(packet, (error) => (error ? reject(error) : resolve()))
    })
  }

  /** What clients publish, after the rules have allowed it. */
  onPublish(listener: PublishListener): void {
    this.#publishListeners.push(listener)
  }

  /**
   * What data connections publish on `up/{nodeId}` comes here instead. One node, before the first connection.
   * @param listener gets a view of bytes that are not used again
   */
  onFrame(nodeId: string, listener: FrameListener): void {
    this.#frames = { nodeId, listener }
  }

  onPresence(listener: PresenceListener): void {
    this.#presenceListeners.push(listener)
  }

  /** Ends all connections that call themselves this agent, drops session and queue. */
  async revoke({ agentId }: AgentAddress): Promise<void> {
    const own = [...this.#hellos].filter(([, { username }]) => username === agentId)
    await Promise.all(own.map(([client]) => new Promise<void>((done) => client.close(done))))
    await dropSession(this.#options.persistence.engine, agentId)
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#aedes.close(resolve))
    await this.#options.persistence.close()
  }

  #hooks(): Partial<AedesOptions> {
    const { notAuthorized } = connackCode
    return {
      preConnect: (client, packet, done) => {
        const { clientId, username = '', clean = false, will } = packet
        const max = this.#limits.maxKeepaliveSeconds
        packet.keepalive = Math.min(packet.keepalive || max, max)
        this.#hellos.set(client, { clientId, username, clean, will })
        client.conn.once('close', () => this.#ended(client))
        done(null, true)
      },
      authenticate: (client, _username, password, done) => {
        this.#authenticate(client, password?.toString() ?? '').then(
          (code) => (code === undefined ? done(null, true) : done(refusal(code), false)),
          () => done(refusal(notAuthorized), false),
        )
      },
      authorizePublish: (client, packet, done) => {
        const session = client && this.#sessions.get(client)
        done(session && mayPublish(session.principal, packet) ? null : refusal(notAuthorized))
      },
      authorizeSubscribe: (client, subscription, done) => {
        const session = this.#sessions.get(client)
        if (session && maySubscribe(session.principal, subscription.topic))
          return done(null, subscription)
        done(refusal(notAuthorized))
      },
      authorizeForward: (client, packet) => {
        const session = this.#sessions.get(client)
        return session && mayRead(session.principal, packet.topic) ? packet : null
      },
      published: (packet, client, done) => {
        if (client) this.#published(packet, client)
        done()
      },
    }
  }

  /** @returns the CONNACK code of a refusal, undefined: welcome */
  async #authenticate(client: Client, token: string): Promise<number | undefined> {
    const credential = await this.#verify(token)
    if (typeof credential === 'number') return credential
    const hello = this.#hellos.get(client)
    if (!hello) return connackCode.notAuthorized
    const principal = principalOf(credential, hello)
    if (!principal) return connackCode.identifierRejected
    if (hello.will && !isOwnWill(principal, hello.will)) return connackCode.notAuthorized
    const inMs = principal.expiresAt - this.#options.now()
    if (!(inMs > 0)) return connackCode.badCredential
    if (principal.kind === 'agent' && !this.#perTenant.add(principal.tenantId))
      return connackCode.serverUnavailable
    const expiry = setTimeout(() => client.close(), Math.min(inMs, longestTimerMs)).unref()
    const address = this.#addresses.get(client.conn) ?? ''
    this.#sessions.set(client, { principal, address, expiry })
    return undefined
  }

  /** A credential that is refused is not the same as one that cannot be checked now: the agent keeps the second. */
  async #verify(token: string): Promise<Credential | number> {
    try {
      return await this.#options.verify(token)
    } catch (error) {
      if (error instanceof TravessiaError) return connackCode.badCredential
      this.#options.log.error({ err: error }, 'credential not checked')
      return connackCode.serverUnavailable
    }
  }

  #ready(client: AedesClient): void {
    // Aedes also says so of a connection that ended during its greeting.
    if (!this.#hellos.has(client)) return
    // Aedes loses track of a connection whose predecessor was just closing [MQTT-3.1.4-2].
    this.#clients.get(client.id)?.close()
    this.#clients.set(client.id, client)
    const principal = this.#sessions.get(client)?.principal
    const isData = principal?.kind === 'agent' && principal.connection === 'data'
    if (isData && client.conn instanceof TransportGuard)
      this.#dataLines.set(principal.agentId, new DataLine(principal, client, client.conn))
    this.#sayPresence(client, true)
  }

  /** Not Aedes' `clientDisconnect`: at a takeover it may come for the wrong connection, or not at all. */
  #ended(client: Client): void {
    this.#hellos.delete(client)
    const session = this.#sessions.get(client)
    if (!session) return
    clearTimeout(session.expiry)
    if (session.principal.kind === 'agent') this.#perTenant.remove(session.principal.tenantId)
    if (this.#clients.get(client.id) !== client) return
    this.#clients.delete(client.id)
    if (session.principal.kind === 'agent' && session.principal.connection === 'data')
      this.#dataLines.delete(session.principal.agentId)
    this.#sayPresence(client, false)
  }

  #sayPresence(client: Client, connected: boolean): void {
    const session = this.#sessions.get(client)
    if (session?.principal.kind !== 'agent') return
    const { tenantId, agentId, connection } = session.principal
    const presence = { connection, connected, address: session.address, at: this.#options.now() }
    for (const listener of this.#presenceListeners)
      this.#tell(() => listener({ tenantId, agentId }, presence))
  }

  #published({ topic, payload }: PublishPacket, client: Client): void {
    const session = this.#sessions.get(client)
    const parsed = parseTopic(topic)
    if (!session || !parsed) return
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    const isWill = parsed.channel === 'status' && bytes.toString() === willPayload
    // After a takeover the will of the old connection may come later than the first words of the new one.
    if (isWill && (this.#clients.get(client.id) ?? client) !== client) return
    for (const listener of this.#publishListeners)
      this.#tell(() => listener(parsed, bytes, session.principal))
  }

  /** What goes wrong in a listener must not end the connection of whoever spoke, let alone the process. */
  #tell(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#options.log.error({ err: error }, 'listener failed')
    }
  }
}
