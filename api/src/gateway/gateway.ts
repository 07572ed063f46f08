/**
 * The remote port: a session's host (or path) → its device, as if the browser stood in front of it. No Fastify
 * here. Killed at any line: browsers see a broken connection, and the next start closes the facts left open.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Duplex, PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import type { Logger } from 'pino'
import type { EventStore } from '../store/event-store.ts'
import type { DeviceRow } from '../views/devices.ts'
import type { Views } from '../views/views.ts'
import { CookieJar, clearingHeaders, cookieValue, sessionCookieName } from './cookies.ts'
import type { DeviceAccess } from './device-access.ts'
import type { DeviceResponse } from './device-client.ts'
import { enter, entryPath } from './entry.ts'
import { languageOf, sendError, sendLeavePage } from './error-page.ts'
import { ExchangeRecord, stageOf } from './exchange-record.ts'
import { headerOf, requestHeaders, responseHeaders } from './headers.ts'
import { isRewritable, rewriteHtml } from './path-rewrite.ts'
import {
  type PublicView,
  portOf,
  type Route,
  reservedPath,
  routeOf,
  sessionUrl,
  viewOf,
} from './public-address.ts'
import type { LiveSession, RemoteSessions } from './remote-sessions.ts'
import { isOwnOrigin, problemOf, wantsDocument } from './request-checks.ts'
import type { SessionSecrets } from './session-secrets.ts'
import { Slots } from './slots.ts'
import { joinWebSocket, offeredProtocols } from './websocket.ts'

const maxHeadBytes = 16 * 1024
const headersTimeoutMs = 10_000
const maxConcurrent = 128
const maxWaiting = 512
const leavePath = '/__travessia/leave'

type Deps = {
  readonly sessions: RemoteSessions
  readonly secrets: SessionSecrets
  readonly access: DeviceAccess
  readonly views: Pick<Views, 'devices'>
  readonly store: EventStore
  readonly host: string
  readonly port: number
  readonly remoteUrl: () => URL
  readonly publicUrl: () => string
  readonly now: () => number
  readonly log: Logger
}

/** A request that may go to a device. */
type Admitted = {
  readonly session: LiveSession
  readonly device: DeviceRow
  readonly port: number | undefined
  readonly path: string
  readonly view: PublicView
  readonly record: ExchangeRecord
}
/** What the node keeps per session beside the facts. */
type SessionMemory = { readonly jar: CookieJar; readonly slots: Slots }

export class Gateway {
  readonly #deps: Deps
  readonly #server: Server
  readonly #memory = new WeakMap<LiveSession, SessionMemory>()

  constructor(deps: Deps) {
    this.#deps = deps
    const options = {
      ...{ maxHeaderSize: maxHeadBytes, headersTimeout: headersTimeoutMs, requestTimeout: 0 },
      ...{ noDelay: true, connectionsCheckingInterval: 2_000 },
    }
    this.#server = createServer(options, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => this.#fail(request, response, error))
    })
    this.#server.maxHeadersCount = 0
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy())
      this.#upgrade(request, socket, head).catch((error: unknown) =>
        refuseUpgrade(socket, codeOf(error)),
      )
    })
  }

  /** @throws the listen error */
  async start(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#deps.port, this.#deps.host, resolve)
    })
    return (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { session, route } = this.#resolve(request)
    if (route.target === '') return redirectToFolder(response, route)
    const [path = ''] = route.target.split('?')
    if (path === entryPath && request.method === 'GET')
      return enter(response, route, this.#deps.secrets)
    this.#admit(request, session, route)
    if (path === leavePath) {
      const to = new URLSearchParams(route.target.split('?')[1]).get('to') ?? ''
      return sendLeavePage(response, to, this.#page(request, session))
    }
    if (request.headers['service-worker'] !== undefined) throw new TravessiaError('NOT_FOUND')
    const release = await this.#memoryOf(session).slots.take()
    try {
      await this.#exchange(request, response, { session, route })
    } finally {
      release()
    }
  }

  /** @throws TravessiaError REQUEST_INVALID and others for malformed requests, SESSION_ENDED */
  #resolve(request: IncomingMessage): { session: LiveSession; route: Route } {
    const { method = '', httpVersion, url: target = '', rawHeaders, headers } = request
    const problem = problemOf({ method, httpVersion, target, rawHeaders })
    if (problem) throw new TravessiaError(problem)
    const route = routeOf(headers.host ?? '', target, this.#deps.remoteUrl().hostname)
    const session = route && this.#deps.sessions.find(route.sessionId)
    if (!session || session.mode !== route.mode) throw new TravessiaError('SESSION_ENDED')
    return { session, route }
  }

  /** The session's cookie and the right origin. @throws TravessiaError SESSION_COOKIE_MISSING, ORIGIN_REFUSED */
  #admit(request: IncomingMessage, session: LiveSession, route: Route, isUpgrade = false): void {
    const name = sessionCookieName(route.mode, session.id)
    const cookie = cookieValue(request.headers.cookie, name)
    if (cookie === undefined || !this.#deps.secrets.isCookieOf(session.id, cookie))
      throw new TravessiaError('SESSION_COOKIE_MISSING')
    const { method = '', headers } = request
    if (!isOwnOrigin({ method, headers }, this.#originOf(session), isUpgrade))
      throw new TravessiaError('ORIGIN_REFUSED')
  }

  async #exchange(
    request: IncomingMessage,
    response: ServerResponse,
    { session, route }: { session: LiveSession; route: Route },
  ): Promise<void> {
    const target = await this.#targetOf(session, route)
    const client = await this.#deps.access.clientOf(target.device)
    const { method = '', rawHeaders: headers } = request
    const owner = ownerOf(session, target.device)
    const record = await ExchangeRecord.begin(this.#deps, owner, {
      method,
      path: route.target,
      headers,
    })
    const admitted = { session, record, ...target }
    const abort = new AbortController()
    const cut = () => {
      abort.abort()
      response.destroy()
    }
    session.cuts.add(cut)
    response.once('close', () => abort.abort())
    try {
      if (session.isEnded) throw new TravessiaError('SESSION_ENDED')
      const answer = await client.request({
        ...this.#requestOf(request, admitted),
        signal: abort.signal,
      })
      record.answered()
      await this.#answer(request, response, { answer, admitted })
      record.ended(answer.status, answer.headers)
    } catch (error) {
      const code = codeOf(error)
      const isGone = response.destroyed && !response.writableFinished
      record.failed(code, isGone ? 'browser' : stageOf(code))
      if (!isGone) throw error
    } finally {
      session.cuts.delete(cut)
      count(session, record)
    }
  }

  #requestOf(request: IncomingMessage, { session, device, view, path, port, record }: Admitted) {
    const { method = '', rawHeaders, headers } = request
    const isRewritten = session.mode === 'path' && wantsDocument(headers)
    const length = headers['content-length']
    const hasBody = length !== undefined || headers['transfer-encoding'] !== undefined
    return {
      ...{ method, path, timeouts: device.timeouts, ...(port === undefined ? {} : { port }) },
      headers: requestHeaders(rawHeaders, { view, jar: this.#memoryOf(session).jar, isRewritten }),
      ...(hasBody
        ? {
            bodyBytes: length === undefined ? ('chunked' as const) : Number(length),
            body: request.pipe(record.request.stream()),
          }
        : {}),
    }
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    { answer, admitted }: { answer: DeviceResponse; admitted: Admitted },
  ): Promise<void> {
    const { session, view, path, record } = admitted
    const { status, headers: raw, body } = answer
    const isRewritten =
      session.mode === 'path' &&
      isRewritable(status, headerOf(raw, 'content-type'), headerOf(raw, 'content-encoding'))
    const jar = session.mode === 'path' ? this.#memoryOf(session).jar : undefined
    const headers = responseHeaders(raw, { view, requestPath: path, jar, isRewritten })
    response.writeHead(status, headers)
    response.flushHeaders()
    const hasNoBody = request.method === 'HEAD' || status === 204 || status === 304
    const rewrite = isRewritten && !hasNoBody ? rewriteHtml(view) : []
    await pipeline([body, record.response.stream(), ...rewrite, new PassThrough(), response])
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { session, route } = this.#resolve(request)
    if (request.headers.upgrade?.toLowerCase() !== 'websocket' || request.method !== 'GET')
      throw new TravessiaError('REQUEST_INVALID')
    this.#admit(request, session, route, true)
    const { device, view, path, port } = await this.#targetOf(session, route)
    const client = await this.#deps.access.clientOf(device)
    const { rawHeaders } = request
    const owner = ownerOf(session, device)
    const described = { method: 'GET', path: route.target, headers: rawHeaders }
    const record = await ExchangeRecord.open(this.#deps, owner, described)
    const abort = new AbortController()
    const { jar } = this.#memoryOf(session)
    try {
      if (session.isEnded) throw new TravessiaError('SESSION_ENDED')
      const deviceSocket = await client.openWebSocket({
        ...{ path, timeouts: device.timeouts, protocols: offeredProtocols(request) },
        ...(port === undefined ? {} : { port }),
        headers: requestHeaders(rawHeaders, { view, jar, isRewritten: false }),
        signal: abort.signal,
      })
      const cut = joinWebSocket({ request, socket, head }, deviceSocket, record)
      session.cuts.add(cut)
      socket.once('close', () => {
        session.cuts.delete(cut)
        abort.abort()
        count(session, record)
      })
    } catch (error) {
      record.closed(1011, { in: 0, out: 0 })
      throw error
    }
  }

  async #targetOf(session: LiveSession, route: Route) {
    const device = await this.#deps.views.devices.get(session.tenantId, session.deviceId)
    if (!device) throw new TravessiaError('SESSION_ENDED')
    const other = portOf(route.target)
    if (!other && route.target.startsWith(reservedPath)) throw new TravessiaError('NOT_FOUND')
    if (other && !device.ports.includes(other.port)) throw new TravessiaError('TARGET_FORBIDDEN')
    const publicOrigin = this.#originOf(session)
    const view = viewOf(device, { publicOrigin, base: route.base, port: other?.port })
    return { device, view, port: other?.port, path: other?.target ?? route.target }
  }

  #originOf(session: LiveSession): string {
    return new URL(sessionUrl(this.#deps.remoteUrl(), session)).origin
  }

  #memoryOf(session: LiveSession): SessionMemory {
    const known = this.#memory.get(session)
    if (known) return known
    const memory = { jar: new CookieJar(), slots: new Slots(maxConcurrent, maxWaiting) }
    this.#memory.set(session, memory)
    return memory
  }

  #page(request: IncomingMessage, session?: LiveSession) {
    return {
      language: languageOf(request, session?.language),
      publicUrl: this.#deps.publicUrl(),
      correlationId: newId(),
    }
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const code = codeOf(error)
    const page = this.#page(request, this.#sessionOf(request))
    if (code === 'INTERNAL')
      this.#deps.log.error({ err: error, correlationId: page.correlationId }, 'request failed')
    const isOver = code === 'SESSION_ENDED' && this.#routeOf(request)?.mode === 'host'
    const headers = isOver ? clearingHeaders(request.headers.cookie) : {}
    sendError(request, response, code, { ...page, headers })
  }

  #sessionOf(request: IncomingMessage): LiveSession | undefined {
    const route = this.#routeOf(request)
    return route && this.#deps.sessions.find(route.sessionId)
  }

  #routeOf({ headers, url = '' }: IncomingMessage): Route | undefined {
    return routeOf(headers.host ?? '', url, this.#deps.remoteUrl().hostname)
  }
}

function ownerOf({ id, tenantId, userId }: LiveSession, device: DeviceRow) {
  const { id: deviceId, installationId, recording } = device
  return { tenantId, sessionId: id, userId, installationId, deviceId, recording }
}

function count({ totals }: LiveSession, { request, response }: ExchangeRecord): void {
  totals.requests += 1
  totals.bytesIn += request.facts().bytes
  totals.bytesOut += response.facts().bytes
}

function redirectToFolder(response: ServerResponse, { base }: Route): void {
  response.writeHead(308, { location: `${base}/`, 'content-length': 0 }).end()
}

function refuseUpgrade(socket: Duplex, code: ErrorCode): void {
  const { status } = new TravessiaError(code)
  socket.end(
    `HTTP/1.1 ${status} ${code}\r\nx-travessia-error: ${code}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  )
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof TravessiaError) return error.code
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_STREAM_PREMATURE_CLOSE'
    ? 'TUNNEL_LOST'
    : 'INTERNAL'
}
