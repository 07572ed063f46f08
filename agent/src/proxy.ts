/**
 * The way to the server through a company's proxy: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, by CONNECT. For
 * pairing, renewal and the broker; never for devices, never to this host itself.
 */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { TravessiaError } from '@travessia/schemas/errors'
import { isLoopback } from '@travessia/schemas/ip-address'
import { Agent, type Dispatcher } from 'undici'

export type ProxySettings = {
  readonly http: string | undefined
  readonly https: string | undefined
  /** Names that are reached without: `host`, `.domain`, `host:port`, `*`. */
  readonly except: string
}

type Dial = (options: unknown, done: (error: Error | null, socket: Socket | null) => void) => void

const withinMs = 10_000

/** This host, by a name of the demo's too. */
export function isLoopbackHost(hostname: string): boolean {
  return isLoopback(hostname) || hostname.endsWith('.localhost')
}

/** The proxy for an address; undefined: straight. @throws TravessiaError CONFIG_INVALID: not an http(s) URL */
export function proxyOf(url: URL, { http, https, except }: ProxySettings): URL | undefined {
  const isSecure = url.protocol === 'https:' || url.protocol === 'wss:'
  const text = isSecure ? https : http
  if (!text || isLoopbackHost(url.hostname) || isExcepted(url, except)) return undefined
  const proxy = URL.canParse(text) ? new URL(text) : undefined
  if (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') return proxy
  throw new TravessiaError('CONFIG_INVALID', { problem: 'The proxy must be an http(s) URL.' })
}

/** For undici. */
export function dispatcherFor(url: URL, settings: ProxySettings): Dispatcher | undefined {
  const connect = dialThrough(url, settings)
  return connect && new Agent({ connect: connect as never })
}

/** For `ws`. */
export function webSocketOptions(url: URL, settings: ProxySettings) {
  const createConnection = dialThrough(url, settings)
  return createConnection ? { createConnection: createConnection as never } : {}
}

function dialThrough(url: URL, settings: ProxySettings): Dial | undefined {
  const proxy = proxyOf(url, settings)
  if (!proxy) return undefined
  return (_options, done) => {
    connectThrough(proxy, url).then(
      (socket) => done(null, socket),
      (error: Error) => done(error, null),
    )
  }
}

async function connectThrough(proxy: URL, url: URL): Promise<Socket> {
  const isSecure = url.protocol === 'https:' || url.protocol === 'wss:'
  const authority = `${url.hostname}:${url.port || (isSecure ? 443 : 80)}`
  const socket = await tunnel(proxy, authority)
  if (!isSecure) return socket
  const secure = connectTls({ socket, servername: url.hostname })
  // undici sets no limit on a connection that is made for it, and hears no AbortSignal before it is there.
  const silent = () => secure.destroy(new Error(`${authority} is silent behind ${proxy.host}`))
  const timer = setTimeout(silent, withinMs)
  return new Promise<Socket>((resolve, reject) => {
    secure.once('secureConnect', () => resolve(secure))
    secure.once('error', reject)
  }).finally(() => clearTimeout(timer))
}

async function tunnel(proxy: URL, authority: string): Promise<Socket> {
  const credentials = decodeURIComponent(`${proxy.username}:${proxy.password}`)
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
  const send = proxy.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const request = send(proxy, {
      ...{ method: 'CONNECT', path: authority, timeout: withinMs, agent: false },
      headers: {
        host: authority,
        ...(proxy.username === '' ? {} : { 'proxy-authorization': authorization }),
      },
    })
    request.once('connect', ({ statusCode }, socket: Socket) => {
      socket.setTimeout(0)
      if (statusCode === 200) return resolve(socket)
      socket.destroy()
      reject(new Error(`the proxy ${proxy.host} answered ${statusCode}`))
    })
    request.once('timeout', () => request.destroy(new Error(`the proxy ${proxy.host} is silent`)))
    request.once('error', reject)
    request.end()
  })
}

function isExcepted({ hostname, host }: URL, except: string): boolean {
  return except
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((entry) => entry.replace(/^\*?\./, ''))
    .some(
      (name) =>
        name === '*' || [hostname, host].some((own) => own === name || own.endsWith(`.${name}`)),
    )
}
