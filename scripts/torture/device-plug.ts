/**
 * The network plug of a simulated turnstile: notes when each call that opens arrives, by this process's
 * monotonic clock, and passes it on. What the turnstile then did is read from the simulator itself.
 */
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTurnstile, type Turnstile } from '../../agent/src/simulators/turnstile.ts'

/** Something that happened at the device; `at` in ms since 1970 by `moment`. */
export type Deed = { readonly at: number; readonly direction: string }

const startedAt = Date.now() - performance.now()

/** ms since 1970, carried on by the monotonic clock. */
export function moment(): number {
  return startedAt + performance.now()
}

export class DevicePlug {
  readonly #turnstile: Turnstile = createTurnstile({ port: 0 })
  readonly #server: Server
  readonly #known = new WeakSet<object>()
  readonly #calls: Deed[] = []
  readonly #actions: Deed[] = []
  #turnstileUrl = ''
  /** Told of each call that opens, at its arrival. */
  onCall: (call: Deed) => void = () => undefined

  constructor() {
    this.#server = createServer((near, answer) => {
      const at = moment()
      bodyOf(near)
        .then((body) => this.#pass({ near, answer, body, at }))
        .catch(() => answer.destroy())
    })
  }

  async start(): Promise<string> {
    this.#turnstileUrl = (await this.#turnstile.start()).url
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
    await this.#turnstile.stop()
  }

  /** Calls that opened, or tried to, in the order of arrival. */
  get calls(): readonly Deed[] {
    return this.#calls
  }

  /** What the turnstile says it did. */
  get actions(): readonly Deed[] {
    this.#collect()
    return this.#actions
  }

  async misbehave(faults: Readonly<Record<string, unknown>>): Promise<void> {
    const url = `${this.#turnstileUrl}/__simulator/faults`
    await fetch(url, { method: 'POST', body: JSON.stringify(faults) })
  }

  #pass({ near, answer, body, at }: Passing): void {
    const { method, url: path = '/', headers } = near
    if (path.startsWith('/execute_actions.fcgi')) {
      const call = { at, direction: directionOf(body.toString()) }
      this.#calls.push(call)
      this.onCall(call)
    }
    // An agent that dies meanwhile does not take back what the device was told: nothing is cancelled.
    const far = request(this.#turnstileUrl + path, { ...(method ? { method } : {}), headers })
    far.once('response', (response) => {
      this.#collect()
      answer.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(answer)
    })
    far.once('error', () => answer.destroy())
    far.end(body)
  }

  /** The simulator keeps its last 1,000 actions only. */
  #collect(): void {
    for (const action of this.#turnstile.state.actions) {
      if (this.#known.has(action)) continue
      this.#known.add(action)
      this.#actions.push({ at: action.at, direction: directionOf(action.parameters) })
    }
  }
}

type Passing = {
  readonly near: IncomingMessage
  readonly answer: ServerResponse
  readonly body: Buffer
  readonly at: number
}

function directionOf(text: string): string {
  return /allow=(\w+)/.exec(text)?.[1] ?? '?'
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
