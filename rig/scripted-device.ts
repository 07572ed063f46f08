/** A device that does what the test at hand says, in the test's own process: the test sees both ends of an exchange. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { listen } from './own-device.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void

const blockBytes = 1024 * 1024

export class ScriptedDevice {
  readonly #server: Server
  readonly #handlers = new Map<string, Handler>()
  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  async start(): Promise<string> {
    return listen(this.#server)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }

  on(path: string, handler: Handler): void {
    this.#handlers.set(path, handler)
  }

  /** Answers `path` and gives what the next request and its answer are, for the test to go on with. */
  async next(path: string): Promise<{ request: IncomingMessage; response: ServerResponse }> {
    return new Promise((resolve) => {
      this.on(path, (request, response) => {
        this.#handlers.delete(path)
        resolve({ request, response })
      })
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = ''] = (request.url ?? '').split('?')
    const handler = this.#handlers.get(path)
    if (!handler) return void response.writeHead(404).end('nothing here')
    try {
      await handler(request, response)
    } catch {
      response.destroy()
    }
  }
}

/** `count` bytes, no two blocks of which are alike: a lost or a doubled one changes the digest. */
export function* blocks(count: number): Generator<Buffer> {
  for (let n = 0; n * blockBytes < count; n += 1) {
    const block = Buffer.alloc(Math.min(blockBytes, count - n * blockBytes), `block ${n};`)
    yield block
  }
}

export function digestOf(parts: Iterable<Uint8Array>): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** What came: how much, and its digest. */
export async function received(
  stream: AsyncIterable<Uint8Array>,
): Promise<{ bytes: number; digest: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of stream) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { bytes, digest: hash.digest('hex') }
}

/** Sends `/bytes?count=…`, with its length or in chunks. */
export const sendBytes: Handler = async (request, response) => {
  const { searchParams } = new URL(request.url ?? '', 'http://device')
  const count = Number(searchParams.get('count'))
  const length = searchParams.has('chunked') ? {} : { 'content-length': count }
  response.writeHead(200, { 'content-type': 'application/octet-stream', ...length })
  await pipeline(blocks(count), response)
}

/** Answers with how much came, and its digest. */
export const takeBytes: Handler = async (request, response) => {
  const { headers } = request
  const seen = { ...(await received(request)), headers }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(seen))
}
