/**
 * Aedes with every hook closed by default; no sockets here. Killed at any line: persistent sessions are on
 * disk as far as they were written, agents connect again, and the log re-sends what was not acknowledged.
 */
import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { TravessiaError } from '@travessia/schemas/errors'
import { type Presence, willPayload } from '@travessia/schemas/reports'
import { type AgentAddress, formatTopic, parseTopic, type Topic } from '@travessia/schemas/topics'
import { Aedes, type Client, type ConnectPacket } from 'aedes'
import type { Logger } from 'pino'
import { principalOf } from './authenticate.ts'
import { mayPublish, mayRead, maySubscribe } from './authorize.ts'
import type { Persistence } from './persistence.ts'
import type { Principal, VerifyCredential } from './principal.ts'
import { dropSession } from './revocation.ts'
import { defaultLimits, type GuardLimits, TransportGuard } from './transport-guard.ts'

/** CONNACK return codes [MQTT-3.2.2]; aedes' own enum does not exist at run time. */
const connackCode = { identifierRejected: 2, badCredential: 4, notAuthorized: 5 } as const

export type BrokerOptions = {
  readonly verify: VerifyCredential
  readonly persistence?: Persistence
  readonly limits?: Partial<GuardLimits>
  readonly now: () => number
  readonly log: Logger
}

export type PublishListener = (topic: Topic, payload: Buffer, from: Principal) => void
export type PresenceListener = (agent: AgentAddress, presence: Presence) => void

type AedesClient = Client & { deliver0(packet: object, done: () => void): void }
type Session = {
  readonly principal: Principal
  readonly address: string
  readonly expiry: NodeJS.Timeout
}

const longestTimerMs = 2 ** 31 - 1

export class Broker {
  readonly #aedes: Aedes
  readonly #options: BrokerOptions
  /** Connections that were authenticated, by client id. */
  readonly #clients = new Map<string, AedesClient>()
  readonly #sessions = new WeakMap<Client, Session>()
  readonly #connects = new WeakMap<Client, ConnectPacket>()
  readonly #addresses = new WeakMap<object, string>()
  readonly #publishListeners: PublishListener[] = []
  readonly #presenceListeners: PresenceListener[] = []

  static async create(options: BrokerOptions): Promise<Broker> {
    const broker = new Broker(options)
    await broker.#aedes.listen()
    return broker
  }

  private constructor(options: BrokerOptions) {
    this.#options = options
    this.#aedes = new Aedes({
      // One frozen reader must not take the slots of all (docs/protocol.md); credit bounds what is under way.
      concurrency: 0,
      drainTimeout: 10_000,
      connectTimeout: defaultLimits.connectTimeoutMs,
      ...(options.persistence ? { persistence: options.persistence.engine } : {}),
      preConnect: (client, packet, done) => {
        this.#connects.set(client, packet)
        done(null, true)
      },
      authenticate: (client, username, password, done) => {
        this.#authenticate(client, username ?? '', password?.toString() ?? '').then(
          (code) => (code === undefined ? done(null, true) : done(refusal(code), false)),
          () => done(refusal(connackCode.notAuthorized), false),
        )
      },
      authorizePublish: (client, packet, done) => {
        const session = client && this.#sessions.get(client)
        done(
          session && mayPublish(session.principal, packet)
            ? null
            : refusal(connackCode.notAuthorized),
        )
      },
      authorizeSubscribe: (client, subscription, done) => {
        const session = this.#sessions.get(client)
        if (session && maySubscribe(session.principal, subscription.topic))
          return done(null, subscription)
        done(refusal(connackCode.notAuthorized))
      },
      authorizeForward: (client, packet) => {
        const session = this.#sessions.get(client)
        return session && mayRead(session.principal, packet.topic) ? packet : null
      },
      published: (packet, client, done) => {
        this.#published(packet.topic, packet.payload, client)
        done()
      },
    })
    const { log } = options
    this.#aedes.on('clientReady', (client) => this.#ready(client as AedesClient))
    this.#aedes.on('clientDisconnect', (client) => this.#disconnected(client))
    this.#aedes.on('clientError', (client, error) =>
      log.warn({ err: error, clientId: client.id }, 'client ended'),
    )
    this.#aedes.on('connectionError', (_client, error) =>
      log.warn({ err: error }, 'connection ended'),
    )
    const emitter: EventEmitter = this.#aedes
    emitter.on('error', (error: Error) => log.error({ err: error }, 'broker error'))
  }

  /** Takes a connection of any kind; `address` is the remote one as the listener sees it. */
  accept(socket: Duplex, address: string): void {
    const guard = new TransportGuard(socket, { ...defaultLimits, ...this.#options.limits })
    this.#addresses.set(guard, address)
    this.#aedes.handle(guard)
  }

  /** QoS 0 to the agent's data connection, past the publish pipeline. @returns false: there is none */
  deliver({ agentId }: AgentAddress, topic: string, payload: Uint8Array): boolean {
    const client = this.#clients.get(`${agentId}-d`)
    if (!client) return false
    const packet = { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 0, retain: false }
    client.deliver0(packet, () => undefined)
    return true
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

  onPresence(listener: PresenceListener): void {
    this.#presenceListeners.push(listener)
  }

  /** Ends both connections at once and drops session, queue and will (THREATS B8). */
  async revoke({ agentId }: AgentAddress): Promise<void> {
    for (const clientId of [agentId, `${agentId}-d`]) this.#clients.get(clientId)?.close()
    await dropSession(this.#options.persistence, agentId)
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#aedes.close(resolve))
    await this.#options.persistence?.close()
  }

  /** @returns the CONNACK code of a refusal, undefined: welcome */
  async #authenticate(
    client: Client,
    username: string,
    token: string,
  ): Promise<number | undefined> {
    const packet = this.#connects.get(client)
    if (!packet) return connackCode.notAuthorized
    const { clientId, clean, will } = packet
    const credential = await this.#options.verify(token).catch(() => undefined)
    if (!credential) return connackCode.badCredential
    const principal = principalOf(credential, { clientId, username, clean: clean ?? false })
    if (!principal) return connackCode.identifierRejected
    if (will && !isOwnWill(principal, will)) return connackCode.notAuthorized
    const inMs = principal.expiresAt - this.#options.now()
    if (inMs <= 0) return connackCode.badCredential
    const expiry = setTimeout(() => client.close(), Math.min(inMs, longestTimerMs)).unref()
    const address = this.#addresses.get(client.conn) ?? ''
    this.#sessions.set(client, { principal, address, expiry })
    return undefined
  }

  #ready(client: AedesClient): void {
    this.#clients.set(client.id, client)
    if (client.conn instanceof TransportGuard) client.conn.connected()
    this.#sayPresence(client, true)
  }

  #disconnected(client: Client): void {
    if (this.#clients.get(client.id) === client) this.#clients.delete(client.id)
    clearTimeout(this.#sessions.get(client)?.expiry)
    this.#sayPresence(client, false)
  }

  #sayPresence(client: Client, connected: boolean): void {
    const session = this.#sessions.get(client)
    if (session?.principal.kind !== 'agent') return
    const { tenantId, agentId, connection } = session.principal
    const presence = { connection, connected, address: session.address, at: this.#options.now() }
    for (const listener of this.#presenceListeners) listener({ tenantId, agentId }, presence)
  }

  #published(topic: string, payload: string | Buffer, client: Client | null): void {
    const session = client && this.#sessions.get(client)
    const parsed = session && parseTopic(topic)
    if (!session || !parsed) return
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    for (const listener of this.#publishListeners) listener(parsed, bytes, session.principal)
  }
}

/** The last will is allowed on the own status topic of the control connection, with one fixed payload. */
function isOwnWill(principal: Principal, will: NonNullable<ConnectPacket['will']>): boolean {
  if (principal.kind !== 'agent' || principal.connection !== 'control') return false
  const { tenantId, agentId } = principal
  const topic = formatTopic({ tenantId, agentId, channel: 'status' })
  return (
    will.topic === topic && String(will.payload) === willPayload && will.qos === 1 && !will.retain
  )
}

function refusal(returnCode: number): Error & { returnCode: number } {
  return Object.assign(new TravessiaError('PERMISSION_DENIED'), { returnCode })
}
