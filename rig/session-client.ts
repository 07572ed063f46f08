/** A browser inside a remote session that sees what browsers hide: interim answers and slow pieces. */
import {
  type Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { enterSession } from './pages.ts'

export type Options = {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  /** For several requests on one connection. */
  readonly connection?: Agent
}

export type Entered = Awaited<ReturnType<typeof enterSession>>

/** Begins a request; whoever calls it writes the body and ends it. */
export function begin(
  { base, cookie }: Entered,
  path: string,
  { method = 'GET', headers = {}, connection }: Options = {},
): { request: ClientRequest; answer: Promise<IncomingMessage> } {
  const { host, port, pathname } = new URL(base)
  const at = pathname === '/' ? '' : pathname
  const request = httpRequest({
    ...{ host: '127.0.0.1', port, method, path: at + path, agent: connection ?? false },
    headers: { host, cookie, ...headers },
  })
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.once('error', reject)
  })
  answer.catch(() => undefined)
  request.on('error', () => undefined)
  return { request, answer }
}

/** The arguments of the next event. */
export async function once(
  emitter: { once(name: string, listener: (...args: never[]) => void): unknown },
  name: string,
  withinMs = 30_000,
): Promise<unknown[]> {
  const event = new Promise<unknown[]>((resolve, reject) => {
    emitter.once(name, ((...args: unknown[]) => resolve(args)) as (...args: never[]) => void)
    if (name !== 'error') emitter.once('error', reject as (...args: never[]) => void)
  })
  const late = sleep(withinMs, undefined, { ref: false }).then(() => {
    throw new Error(`no ${name} within ${withinMs} ms`)
  })
  return Promise.race([event, late])
}
