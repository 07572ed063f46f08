/** What the simulated devices share: a small HTTP server with bounded bodies, static pages and JSON answers. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const host = '127.0.0.1'
const usualBodyBytes = 64 * 1024

export type DeviceRequest = {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** The body as it came, for what is no text. */
  readonly bytes: Uint8Array<ArrayBuffer>
}
type Options = { readonly port: number; readonly maxBodyBytes?: number }

export type Answer = {
  readonly status?: number
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}
/** undefined: the handler has answered by itself, or never will. */
export type Handler = (
  request: DeviceRequest,
  response: ServerResponse,
) => Promise<Answer | undefined> | Answer | undefined

export class DeviceServer {
  readonly #server: Server
  readonly #port: number

  constructor(handle: Handler, { port, maxBodyBytes = usualBodyBytes }: Options) {
    this.#port = port
    this.#server = createServer((request, response) => {
      bodyOf(request, maxBodyBytes)
        .then((body) => serve(handle, { request, response, body }))
        .catch(() => response.destroy())
    })
  }

  get server(): Server {
    return this.#server
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#port, host, resolve)
    })
    return `http://${host}:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }
}

export function json(value: unknown, status = 200): Answer {
  return { status, type: 'application/json', body: JSON.stringify(value) }
}

export function html(body: string): Answer {
  return { type: 'text/html; charset=utf-8', body }
}

/** The last `limit` items of a list that grows. */
export function keepLast<T>(list: T[], item: T, limit = 1_000): void {
  list.push(item)
  if (list.length > limit) list.shift()
}

type Exchange = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** A status: refused for its body. */
  readonly body: Buffer<ArrayBuffer> | number
}

async function serve(handle: Handler, { request, response, body }: Exchange): Promise<void> {
  if (typeof body === 'number') return write(response, json({ error: 'refused' }, body))
  const { method = 'GET', headers } = request
  const url = new URL(request.url ?? '/', 'http://device')
  const whole = { method, url, headers, body: body.toString(), bytes: body }
  const answer = await handle(whole, response)
  if (answer) write(response, answer)
}

async function bodyOf(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Buffer<ArrayBuffer> | 411 | 413> {
  const hasLength = 'content-length' in request.headers || 'transfer-encoding' in request.headers
  if (request.method === 'POST' && !hasLength) return 411
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return 413
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > maxBytes) return 413
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

function write(response: ServerResponse, { status = 200, type, headers, body = '' }: Answer): void {
  response.writeHead(status, {
    ...(type === undefined ? {} : { 'content-type': type }),
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}

/** JSON of a request, whatever was sent. */
export type Fields = Readonly<Record<string, unknown>>

export function fieldsOf(text: string): Fields {
  try {
    return record(JSON.parse(text))
  } catch {
    return {}
  }
}

export function record(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}
