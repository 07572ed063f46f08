/** The sockets of the broker: TCP, and WebSocket at `/ws/connectors`; no-delay, bounded per address. */
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, BlockList, createServer, isIP, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { Broker } from './broker.ts'

export const webSocketPath = '/ws/connectors'

export type ListenerOptions = {
  readonly host: string
  readonly mqttPort: number
  readonly wsPort: number
  /** Open sockets of one address; loopback is exempt. */
  readonly maxSocketsPerIp: number
  /** Addresses or networks whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
}

export class Listeners {
  readonly #broker: Pick<Broker, 'accept'>
  readonly #options: ListenerOptions
  readonly #perAddress = new Map<string, number>()
  readonly #sockets = new Set<Socket>()
  readonly #trusted: BlockList
  readonly #tcp: Server
  readonly #http: Server

  constructor(broker: Pick<Broker, 'accept'>, options: ListenerOptions) {
    this.#broker = broker
    this.#options = options
    this.#trusted = networks(options.trustedProxies)
    this.#tcp = createServer({ noDelay: true }, (socket) => {
      if (this.#admit(socket)) broker.accept(socket, addressOf(socket))
    })
    this.#http = this.#webSocketServer()
  }

  /** @throws the listen error (EADDRINUSE) with its port; nothing stays open then */
  async start(): Promise<{ mqttPort: number; wsPort: number }> {
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

  async stop(): Promise<void> {
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
      maxPayload: 128 * 1024,
      handleProtocols: (protocols) => (protocols.has('mqtt') ? 'mqtt' : false),
    })
    const server = createHttpServer({ noDelay: true }, (_request, response) => {
      response.writeHead(426, { connection: 'close' }).end()
    })
    server.on('connection', (socket) => this.#admit(socket))
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (request.url !== webSocketPath) {
        socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
        return
      }
      upgrades.handleUpgrade(request, socket, head, (webSocket) => {
        const stream = createWebSocketStream(webSocket, { readableObjectMode: false })
        this.#broker.accept(stream, this.#observedAddress(request))
      })
    })
    return server
  }

  #admit(socket: Socket): boolean {
    const address = addressOf(socket)
    const open = (this.#perAddress.get(address) ?? 0) + 1
    if (open > this.#options.maxSocketsPerIp && !isLoopback(address)) {
      socket.destroy()
      return false
    }
    this.#perAddress.set(address, open)
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      const left = (this.#perAddress.get(address) ?? 1) - 1
      if (left === 0) this.#perAddress.delete(address)
      else this.#perAddress.set(address, left)
    })
    return true
  }

  /** The nearest address that is not a trusted proxy. */
  #observedAddress(request: IncomingMessage): string {
    const forwarded = String(request.headers['x-forwarded-for'] ?? '').split(',')
    const hops = [
      ...forwarded.map((hop) => hop.trim()).filter((hop) => isIP(hop) > 0),
      addressOf(request.socket),
    ]
    return hops.findLast((hop) => !this.#isTrusted(hop)) ?? hops[0] ?? ''
  }

  #isTrusted(address: string): boolean {
    return this.#trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
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
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

function addressOf(socket: Socket): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
