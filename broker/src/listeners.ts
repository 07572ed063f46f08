/** The sockets of the broker: TCP, and WebSocket at `/ws/connectors`; no-delay, bounded per address. */
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, BlockList, createServer, isIP, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws'
import type { Broker } from './broker.ts'
import { Counts } from './counts.ts'
import { giveSpentReadsBack } from './spent-reads.ts'
import { WaitingLine } from './waiting-line.ts'

export const webSocketPath = '/ws/connectors'

export type ListenerOptions = {
  readonly host: string
  readonly mqttPort: number
  readonly wsPort: number
  /** Open sockets of one address; loopback and trusted proxies are exempt. */
  readonly maxSocketsPerIp: number
  /** Addresses or networks whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  readonly upgradeTimeoutMs?: number
}

export const listenerLimits = {
  /** A request head that is not there by then ends the connection; a handshake is one small packet. */
  upgradeTimeoutMs: 5_000,
  maxUpgradeHeadBytes: 8 * 1024,
  maxMessageBytes: 128 * 1024,
  /** Each is answered. */
  minPingGapMs: 1_000,
  /** Dials of a fleet that the system holds while this process is busy. */
  backlog: 4_096,
} as const

export class Listeners {
  readonly #line = new WaitingLine()
  readonly #options: ListenerOptions
  readonly #perAddress: Counts
  readonly #sockets = new Set<Socket>()
  readonly #trusted: BlockList
  readonly #tcp: Server
  readonly #http: Server
  #broker: Pick<Broker, 'accept'> | undefined

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#perAddress = new Counts(options.maxSocketsPerIp)
    this.#trusted = networks(options.trustedProxies)
    this.#tcp = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      const address = addressOf(socket)
      if (this.#admit(socket, address))
        this.#line.join(socket, () => this.#broker?.accept(socket, address))
    })
    this.#http = this.#webSocketServer()
    for (const server of [this.#tcp, this.#http]) {
      server.on('connection', (socket) => {
        this.#sockets.add(socket)
        socket.once('close', () => this.#sockets.delete(socket))
      })
    }
  }

  /**
   * Who dials from now on waits.
   * @throws the listen error (EADDRINUSE) with its port; nothing stays open then
   */
  async bind(): Promise<{ mqttPort: number; wsPort: number }> {
    const { host, mqttPort, wsPort } = this.#options
    await listen(this.#tcp, mqttPort, host)
    try {
      await listen(this.#http, wsPort, host)
    } catch (error) {
      this.#tcp.close()
      throw error
    }
    return { mqttPort: portOf(this.#tcp), wsPort: portOf(this.#http) }
  }

  /** Who waits comes in. */
  open(broker: Pick<Broker, 'accept'>): void {
    this.#broker = broker
    this.#line.open()
  }

  async stop(): Promise<void> {
    this.#line.close()
    const closed = [this.#tcp, this.#http].map(
      (server) => new Promise((done) => server.close(done)),
    )
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closed)
  }

  #webSocketServer(): Server {
    const upgrades = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: listenerLimits.maxMessageBytes,
      handleProtocols: (protocols) => (protocols.has('mqtt') ? 'mqtt' : false),
    })
    const timeoutMs = this.#options.upgradeTimeoutMs ?? listenerLimits.upgradeTimeoutMs
    const limits = {
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      connectionsCheckingInterval: timeoutMs / 5,
      maxHeaderSize: listenerLimits.maxUpgradeHeadBytes,
    }
    const server = createHttpServer({ noDelay: true, ...limits }, (_request, response) => {
      response.writeHead(426, { connection: 'close' }).end()
    })
    server.on('connection', (socket) => this.#admit(socket, addressOf(socket)))
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // Node leaves an upgraded socket without listener: a reset now would end the process.
      socket.on('error', () => socket.destroy())
      if (request.url !== webSocketPath) {
        socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n', () => socket.destroy())
        return
      }
      const address = this.#observedAddress(request)
      if (address !== addressOf(request.socket) && !this.#admit(socket, address)) return
      this.#line.join(socket, () =>
        upgrades.handleUpgrade(request, socket, head, (webSocket) => {
          refuseUncounted(webSocket)
          giveSpentReadsBack(webSocket, socket)
          const stream = createWebSocketStream(webSocket, { readableObjectMode: false })
          this.#broker?.accept(stream, address)
        }),
      )
    })
    return server
  }

  /** @returns false: the address has as many sockets as it may, this one is closed */
  #admit(socket: Duplex, address: string): boolean {
    if (isLoopback(address) || this.#isTrusted(address)) return true
    if (!this.#perAddress.add(address)) {
      socket.destroy()
      return false
    }
    socket.once('close', () => this.#perAddress.remove(address))
    return true
  }

  /** The nearest address that is not a trusted proxy; what an untrusted one says of others is not looked at. */
  #observedAddress(request: IncomingMessage): string {
    const hops = String(request.headers['x-forwarded-for'] ?? '').split(',')
    let nearest = addressOf(request.socket)
    for (const hop of hops.map((text) => text.trim()).reverse()) {
      if (!this.#isTrusted(nearest) || isIP(hop) === 0) break
      nearest = plainAddress(hop)
    }
    return nearest
  }

  #isTrusted(address: string): boolean {
    return this.#trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
}

/**
 * Ends a WebSocket whose frames would pass by the limits of the transport guard: pings more often than once a
 * second (each is answered), pongs that nobody asked for, empty messages, text [MQTT-6.0.0-1].
 */
function refuseUncounted(webSocket: WebSocket): void {
  let lastPing = Number.NEGATIVE_INFINITY
  webSocket.on('ping', () => {
    const now = performance.now()
    if (now - lastPing < listenerLimits.minPingGapMs) webSocket.terminate()
    lastPing = now
  })
  webSocket.on('pong', () => webSocket.terminate())
  webSocket.on('message', (data: Buffer, isBinary) => {
    if (!isBinary || data.length === 0) webSocket.terminate()
  })
}

function networks(list: readonly string[]): BlockList {
  const blocks = new BlockList()
  for (const entry of list) {
    const [address = '', bits] = entry.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) blocks.addAddress(address, family)
    else blocks.addSubnet(address, Number(bits), family)
  }
  return blocks
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host, backlog: listenerLimits.backlog }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

function addressOf(socket: Socket): string {
  return plainAddress(socket.remoteAddress ?? '')
}

function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '')
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
