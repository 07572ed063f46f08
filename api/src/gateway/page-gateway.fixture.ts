/** For tests: a gateway before one device that it reaches directly, and whose pages do what devices do. */
import type { RequestListener, Server } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import type { DeviceRow } from '../views/devices.ts'
import {
  type Answer,
  listen,
  type Session,
  startGateway,
  type TestGateway,
} from './gateway.fixture.ts'

type Sent = Parameters<TestGateway['get']>[2]
type Echo = {
  readonly method: string
  readonly url: string
  readonly rawHeaders: string[]
  readonly body: string
}

const pages: Readonly<Record<string, RequestListener>> = {
  async '/echo'(request, response) {
    const body = String(await buffer(request))
    const { method, url, rawHeaders } = request
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, url, rawHeaders, body }))
  },
  '/redirect': (request, response) => {
    const to = new URL(request.url ?? '', 'http://x').searchParams.get('to') ?? ''
    response.writeHead(302, { location: to }).end()
  },
  '/cookies': (_request, response) => {
    response.setHeader('set-cookie', [
      'sid=1; Path=/; Domain=device.example; HttpOnly',
      '__Host-travessia-session=stolen; Path=/; Secure',
    ])
    response.end()
  },
  '/short': (_request, response) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('only this')
    response.flushHeaders()
    setTimeout(() => response.destroy(), 50)
  },
  '/broken-chunks': (_request, response) => {
    response.write('only this')
    setTimeout(() => response.destroy(), 50)
  },
  '/gzip': (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/html' })
    response.end(gzipSync('<a href="/x">packed</a>'))
  },
  '/etag': (request, response) => {
    const isKnown = request.headers['if-none-match'] === '"1"'
    response.writeHead(isKnown ? 304 : 200, { etag: '"1"', 'cache-control': 'max-age=5' })
    response.end(isKnown ? undefined : 'body')
  },
  '/range': (_request, response) => {
    response.writeHead(206, { 'content-range': 'bytes 1-2/4', 'content-length': 2 }).end('bc')
  },
  '/none': (_request, response) => void response.writeHead(204).end(),
  '/hints': (_request, response) => {
    response.writeEarlyHints({ link: '</x.css>; rel=preload' })
    response.end('after hints')
  },
  '/stream': (_request, response) => void response.write('first'),
  '/silent': () => undefined,
  '/early': (_request, response) => {
    response.writeHead(401, { 'content-type': 'text/plain' }).end('sign in first')
  },
  '/split': (_request, response) => {
    response.socket?.end('HTTP/1.1 200 OK\r\nX-A: b\rSet-Cookie: c=d\r\nContent-Length: 0\r\n\r\n')
  },
  '/two-lengths': (_request, response) => {
    response.socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab')
  },
  '/reset': ({ socket }) => {
    socket.write('HTTP/1.0 200 OK\r\n\r\nonly this', () =>
      setTimeout(() => socket.resetAndDestroy(), 20),
    )
  },
  '/no-http': (_request, response) => void response.socket?.end('SSH-2.0-dropbear\r\n'),
  '/page': ({ headers }, response) => {
    response.setHeader('content-type', 'text/html')
    response.setHeader('content-security-policy', `connect-src ws://${headers.host}`)
    response.setHeader('strict-transport-security', 'max-age=9')
    response.end('<a href="/x">there</a>')
  },
}

export async function startPageGateway(): Promise<PageGateway> {
  const reached: string[] = []
  const cutOff: string[] = []
  const { server, url } = await listen((request, response) => {
    const address = String(request.url)
    reached.push(`${request.method} ${address}`)
    response.on('close', () => response.writableFinished || cutOff.push(address))
    const page = pages[address.split('?')[0] ?? '']
    if (page) page(request, response)
    else response.writeHead(404).end('not here')
  })
  const node = await startGateway(url)
  const device = await node.register()
  const session = await node.open(device)
  return new PageGateway({ node, server, deviceUrl: url, device, session, reached, cutOff })
}

type Parts = Pick<PageGateway, 'node' | 'deviceUrl' | 'device' | 'session' | 'reached' | 'cutOff'>

export class PageGateway {
  readonly node: TestGateway
  readonly deviceUrl: string
  readonly device: DeviceRow
  readonly session: Session
  /** Requests that reached the device, and those whose connection was cut. */
  readonly reached: readonly string[]
  readonly cutOff: readonly string[]
  readonly #server: Server

  constructor({ server, ...parts }: Parts & { readonly server: Server }) {
    this.node = parts.node
    this.deviceUrl = parts.deviceUrl
    this.device = parts.device
    this.session = parts.session
    this.reached = parts.reached
    this.cutOff = parts.cutOff
    this.#server = server
  }

  /** Of the session that is open from the start. */
  get(path: string, sent: Sent = {}): Promise<Answer> {
    return this.node.get(this.session, path, sent)
  }

  /** What the device was asked, as it says itself. */
  async echo({ path = '/echo', ...sent }: Sent & { readonly path?: string } = {}): Promise<Echo> {
    return JSON.parse(String((await this.get(path, sent)).body)) as Echo
  }

  async stop(): Promise<void> {
    await this.node.stop()
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

export function errorOf({ headers }: { readonly headers: Readonly<Record<string, unknown>> }) {
  return headers['x-travessia-error']
}
