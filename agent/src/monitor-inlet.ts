/**
 * Where devices of the LAN tell that something happened. Nothing listens until a driver opens a door, and then only at
 * the address from which its device is reached. A door is one device: its address and a path that nobody can guess;
 * everything else is 404, a stranger's connection is cut before it says a word. What comes in is a hint, never a fact:
 * the device does not sign it, so its driver asks the device itself (ADR 9).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Logger } from 'pino'
import type { Ends } from './drivers/driver.ts'

const maxBodyBytes = 64 * 1024
const maxSockets = 64
/** Of one device. */
const perSecond = 20
const withinMs = 5_000

/** What the driver makes of a message. */
type Take = (name: string, body: string) => 200 | 403 | 404

type Opening = { readonly ends: Ends; readonly path: string; readonly take: Take }
type Door = Opening & { second: number; count: number }
/** As the device is told to reach it. */
export type Inlet = { readonly hostname: string; readonly port: number; close(): void }

export class MonitorInlet {
  readonly #port: number
  readonly #log: Logger
  /** By path. */
  readonly #doors = new Map<string, Door>()
  /** By the local address that they listen at. */
  readonly #servers = new Map<string, Promise<Server | undefined>>()
  #ports: number[] = []

  /** @param port 0: a free one */
  constructor({ port, log }: { readonly port: number; readonly log: Logger }) {
    this.#port = port
    this.#log = log
  }

  /** Ports that are listened at now. */
  get ports(): readonly number[] {
    return this.#ports
  }

  /** @returns undefined: the port is taken, which is a warning; the driver goes on asking */
  async open(opening: Opening): Promise<Inlet | undefined> {
    const { ends, path } = opening
    const door = { ...opening, second: 0, count: 0 }
    this.#doors.set(path, door)
    const server = await this.#serverAt(ends.local)
    const close = () => {
      if (this.#doors.get(path) === door) this.#doors.delete(path)
      this.#closeUnused()
    }
    if (server) return { hostname: ends.local, port: portOf(server), close }
    close()
    return undefined
  }

  stop(): void {
    this.#doors.clear()
    this.#closeUnused()
  }

  #serverAt(address: string): Promise<Server | undefined> {
    const known = this.#servers.get(address)
    if (known !== undefined) return known
    const server = this.#listen(address).catch((error: unknown) => {
      this.#log.warn({ err: error, address, port: this.#port }, 'monitor inlet not available')
      this.#servers.delete(address)
      return undefined
    })
    this.#servers.set(address, server)
    return server
  }

  async #listen(address: string): Promise<Server> {
    const limits = { requestTimeout: withinMs, headersTimeout: withinMs, maxHeaderSize: 8 * 1024 }
    const server = createServer(limits, (request, response) => {
      this.#answer(request, response).catch(() => request.destroy())
    })
    server.maxConnections = maxSockets
    server.on('connection', (socket) => {
      if (!this.#isDevice(socket)) socket.destroy()
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#port, address, resolve)
    })
    server.on('error', (error) => this.#log.warn({ err: error, address }, 'monitor inlet failed'))
    this.#ports = [...this.#ports, portOf(server)]
    return server
  }

  #isDevice({ remoteAddress, localAddress }: Socket): boolean {
    return [...this.#doors.values()].some(
      ({ ends }) => ends.device === remoteAddress && ends.local === localAddress,
    )
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.writeHead(await this.#statusOf(request), { 'content-length': 0 }).end()
    // What was not read would be taken for the next request.
    if (!request.complete) response.once('finish', () => request.destroy())
  }

  async #statusOf(request: IncomingMessage): Promise<number> {
    const [, path = '', name = ''] = /^\/(.{1,64})\/(\w{1,32})$/.exec(request.url ?? '') ?? []
    const door = this.#doors.get(path)
    const { remoteAddress } = request.socket
    if (!door || request.method !== 'POST' || door.ends.device !== remoteAddress) return 404
    if (!mayCome(door, Math.floor(performance.now() / 1000))) return 429
    const body = await bodyOf(request)
    return body === undefined ? 413 : door.take(name, body)
  }

  #closeUnused(): void {
    const wanted = new Set([...this.#doors.values()].map(({ ends }) => ends.local))
    for (const [address, opened] of this.#servers) {
      if (wanted.has(address)) continue
      this.#servers.delete(address)
      void opened.then((server) => {
        if (!server) return
        this.#ports = this.#ports.filter((port) => port !== portOf(server))
        server.close()
        server.closeAllConnections()
      })
    }
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo | null)?.port ?? 0
}

function mayCome(door: Door, second: number): boolean {
  door.count = door.second === second ? door.count + 1 : 1
  door.second = second
  return door.count <= perSecond
}

/** undefined: too large. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  let bytes = 0
  let isTooLarge = Number(request.headers['content-length'] ?? 0) > maxBodyBytes
  async function* limited() {
    for await (const chunk of request) {
      bytes += (chunk as Uint8Array).length
      isTooLarge = bytes > maxBodyBytes
      if (isTooLarge) return
      yield chunk as Uint8Array
    }
  }
  const body = isTooLarge ? '' : await text(limited())
  return isTooLarge ? undefined : body
}
