/** A device of the test's own, in its process: it shows exactly what reached it and misbehaves on request. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'

/** What `/echo` answers. */
export type Echo = {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly bytes: number
  readonly digest: string
}

export class OwnDevice {
  readonly #server: Server
  readonly #sockets: WebSocketServer
  /** Addresses under `/endless` and `/events` that are being answered now. */
  readonly streaming = new Set<string>()
  /** What `/sign-in` sets as a cookie. */
  cookie = 'a'
  /** Paths of all requests, WebSockets too, but `/`: there its agent looks by itself, at any moment. */
  readonly seen: string[] = []

  constructor() {
    this.#server = createServer((request, response) => {
      this.#see(request)
      this.#answer(request, response).catch(() => response.destroy())
    })
    this.#server.on('upgrade', (request) => this.#see(request))
    this.#sockets = new WebSocketServer({
      server: this.#server,
      path: '/ws',
      handleProtocols: (offered) => (offered.has('chosen') ? 'chosen' : false),
    })
    this.#sockets.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => {
        if (String(data) === 'close 4321') socket.close(4321, 'as you wish')
        else socket.send(data, { binary: isBinary })
      })
    })
  }

  async start(): Promise<string> {
    return listen(this.#server)
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate()
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }

  #see({ url = '' }: IncomingMessage): void {
    if (url !== '/') this.seen.push(url)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://device')
    switch (url.pathname) {
      case '/echo':
        return echo(request, response)
      case '/answer':
        // What the test asks for: `?status=302&location=…&set-cookie=…&set-cookie=…`
        return answer(url.searchParams, response)
      case '/page':
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
        response.end(url.searchParams.get('html'))
        return
      case '/bytes':
        return bytes(Number(url.searchParams.get('count')), response)
      case '/basic':
        if (request.headers.authorization !== undefined) return echo(request, response)
        response.writeHead(401, { 'www-authenticate': 'Basic realm="device"' }).end()
        return
      case '/sign-in':
        response.writeHead(200, { 'set-cookie': `session=${this.cookie}; HttpOnly` }).end('in')
        return
      case '/events':
        return this.#stream(request, response, ['text/event-stream', 'data: tick\n\n'])
      case '/endless':
        return this.#stream(request, response, [
          'multipart/x-mixed-replace; boundary=x',
          '--x\r\n\r\nframe\r\n',
        ])
      case '/silent':
        return
      default:
        response.writeHead(200, { 'content-type': 'text/plain' }).end('device')
    }
  }

  async #stream(
    { url = '' }: IncomingMessage,
    response: ServerResponse,
    [type, piece]: readonly [string, string],
  ): Promise<void> {
    this.streaming.add(url)
    response.once('close', () => this.streaming.delete(url))
    response.writeHead(200, { 'content-type': type })
    while (!response.destroyed) {
      response.write(piece)
      await sleep(50)
    }
  }
}

/** A device that answers each connection with these bytes, HTTP or not. */
export async function startRawDevice(
  text: string,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('data', () => socket.end(text, 'latin1'))
  })
  const url = await listen(server)
  return {
    url,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}

export async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256')
  let count = 0
  for await (const chunk of request) {
    hash.update(chunk as Buffer)
    count += (chunk as Buffer).length
  }
  const { method, url, headers } = request
  const echoed = { method, url, headers, bytes: count, digest: `sha256:${hash.digest('hex')}` }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(echoed))
}

function answer(wanted: URLSearchParams, response: ServerResponse): void {
  const names = [...new Set(wanted.keys())].filter((name) => name !== 'status')
  for (const name of names) response.setHeader(name, wanted.getAll(name))
  response.writeHead(Number(wanted.get('status') ?? 200)).end('answered')
}

/** `count` bytes that a program can make again. */
export function pattern(count: number): Buffer {
  return Buffer.alloc(count, Buffer.from(Array.from({ length: 251 }, (_, i) => i)))
}

async function bytes(count: number, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': count })
  response.end(pattern(count))
}
