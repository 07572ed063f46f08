/** A device whose traffic is known byte for byte, as slow as is asked for. It counts what is open. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { listen } from './own-device.ts'
import { received } from './scripted-device.ts'

const pieceBytes = 16 * 1024
const period = 251
const longestRead = 128 * 1024
const table = Buffer.from(Array.from({ length: period + longestRead }, (_, i) => i % period))

/** Each byte says where it stands; at most 128 KiB of them. */
export function patternAt(offset: number, length: number): Buffer {
  return table.subarray(offset % period, (offset % period) + length)
}

export function event(n: number): string {
  return `data: ${n}\n\n`
}

export class SteadyDevice {
  readonly #server: Server
  readonly #sockets: WebSocketServer
  readonly #answers = new Set<ServerResponse>()

  constructor() {
    this.#server = createServer((request, response) => {
      this.#answers.add(response)
      response.once('close', () => this.#answers.delete(response))
      this.#answer(request, response).catch(() => response.destroy())
    })
    this.#sockets = new WebSocketServer({ server: this.#server, path: '/ws' })
    this.#sockets.on('connection', (socket) => {
      socket.on('error', () => undefined)
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    })
  }

  /** Requests and WebSockets under way. */
  get open(): number {
    return this.#answers.size + this.#sockets.clients.size
  }

  async start(): Promise<string> {
    return listen(this.#server)
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate()
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://device')
    const numberOf = (name: string) => Number(searchParams.get(name) ?? 0)
    const [count, everyMs] = [numberOf('count'), numberOf('everyMs')]
    switch (pathname) {
      case '/bytes': {
        const length = searchParams.has('chunked') ? {} : { 'content-length': count }
        response.writeHead(200, { 'content-type': 'application/octet-stream', ...length })
        return pipeline(paced(pieces(count), everyMs), response)
      }
      case '/events':
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        return pipeline(paced(events(count), everyMs), response)
      case '/take':
        response.end(JSON.stringify(await received(request)))
        return
      case '/silent':
        return
      default:
        response.end(searchParams.get('say') ?? 'here')
    }
  }
}

export function* pieces(count: number): Generator<Buffer> {
  for (let at = 0; at < count; at += pieceBytes)
    yield patternAt(at, Math.min(pieceBytes, count - at))
}

function* events(count: number): Generator<string> {
  for (let n = 0; n < count; n += 1) yield event(n)
}

export async function* paced<T>(parts: Iterable<T>, everyMs: number): AsyncGenerator<T> {
  for (const part of parts) {
    yield part
    if (everyMs > 0) await sleep(everyMs)
  }
}
