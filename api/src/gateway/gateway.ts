/**
 * The remote port: a session's host (or path) → its device, as if the browser stood in front of it. No Fastify
 * here. Killed at any line: browsers see a broken connection, and the next start closes the facts left open.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import { isReadOnly } from '@travessia/schemas/read-only'
import { isSafeTarget } from '@travessia/schemas/request-target'
import type { Logger } from 'pino'
import { answerClientError } from '../plugins/client-error.ts'
import type { BlobStore } from '../store/blob-store.ts'
import type { EventStore } from '../store/event-store.ts'
import type { DeviceRow } from '../views/devices.ts'
import type { Views } from '../views/views.ts'
import { type BrowserHead, browserHeadOf } from './browser-head.ts'
import type { Capture } from './capture.ts'
import { clearingHeaders, sessionCookieName } from './cookies.ts'
import { Departure } from './departure.ts'
import type { DeviceAccess } from './device-access.ts'
import type { DeviceClient } from './device-client.ts'
import { DomRecording } from './dom-recording.ts'
import { enter, entryPath } from './entry.ts'
import { languageOf, sendError, sendLeavePage } from './error-page.ts'
import { escapedPrefix, shownSessions } from './escape.ts'
import { ownerOf } from './exchange-owner.ts'
import { ExchangeRecord } from './exchange-record.ts'
import { type Asked, codeOf, forward } from './forwarding.ts'
import { redirect, refuseUpgrade } from './own-answers.ts'
import { domPath, portOf, type Route, reservedPath, routeOf, sessionUrl } from './public-address.ts'
import { Refusals } from './refusals.ts'
import type { LiveSession, RemoteSessions } from './remote-sessions.ts'
import { isOwnOrigin, isWebSocketHandshake, problemOf } from './request-checks.ts'
import { maxSockets, SessionMemory } from './session-memory.ts'
import type { SessionSecrets } from './session-secrets.ts'
import { sendShim, shimPath } from './shim.ts'
import { forwardWebSocket } from './upgrade-forwarding.ts'
import { dropUploadRest, hasBody } from './upload-rest.ts'

const maxHeadBytes = 16 * 1024
const headersTimeoutMs = 10_000
const leavePath = '/__travessia/leave'

type Deps = {
  readonly sessions: RemoteSessions
  readonly secrets: SessionSecrets
  readonly access: DeviceAccess
  readonly views: Pick<Views, 'devices'>
  readonly store: EventStore
  readonly capture?: Capture
  readonly blobs: Pick<BlobStore, 'put'>
  readonly host: string
  readonly port: number
  readonly remoteUrl: () => URL
  readonly publicUrl: () => string
  readonly now: () => number
  readonly log: Logger
}

export class Gateway {
  readonly #deps: Deps
  readonly #server: Server
  readonly #recording: DomRecording
  readonly #refusals: Refusals
  readonly #memory = new WeakMap<LiveSession, SessionMemory>()

  constructor(deps: Deps) {
    this.#deps = deps
    this.#recording = new DomRecording(deps)
    this.#refusals = new Refusals(deps)
    const options = {
      ...{ maxHeaderSize: maxHeadBytes, headersTimeout: headersTimeoutMs, requestTimeout: 0 },
      ...{ noDelay: true, connectionsCheckingInterval: 2_000, optimizeEmptyRequests: true },
    }
    this.#server = createServer(options, (request, response) => {
      if (hasBody(request.headers)) dropUploadRest(request, response)
      const failed = (error: unknown) => this.#fail(request, response, error)
      try {
        this.#serve(request, response)?.catch(failed)
      } catch (error) {
        failed(error)
      }
    })
    this.#server.maxHeadersCount = 0
    this.#server.on('clientError', answerClientError)
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy())
      this.#upgrade(request, socket, head).catch((error: unknown) => {
        this.#tell(request, codeOf(error))
        refuseUpgrade(socket, codeOf(error))
      })
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
    await this.#recording.stop()
  }

  #serve(request: IncomingMessage, response: ServerResponse): Promise<void> | undefined {
    const missing = this.#escapedPrefix(request)
    if (missing !== undefined) return redirect(request, response, missing + request.url)
    const head = browserHeadOf(request)
    const { session, route } = this.#resolve(request, request.url, head)
    if (route.target === '') return redirect(request, response, `${route.base}/`)
    if (!route.target.startsWith(reservedPath)) {
      this.#admit(request, { session, route, head })
      return this.#exchange({ request, response, head }, session, route)
    }
    return this.#serveReserved({ request, response, head }, session, route)
  }

  /** Addresses of our own, and the device's other ports. */
  async #serveReserved(asked: Asked, session: LiveSession, route: Route): Promise<void> {
    const { request, response, head } = asked
    const [path = ''] = route.target.split('?')
    if (path === entryPath && request.method === 'GET')
      return enter(response, route, this.#deps.secrets)
    this.#admit(request, { session, route, head })
    if (path === leavePath) {
      const to = new URLSearchParams(route.target.split('?')[1]).get('to') ?? ''
      return sendLeavePage(response, to, this.#page(request, session))
    }
    if (path === domPath || path === shimPath) {
      const { device, view } = this.#targetOf(session, { ...route, target: '/' })
      if (path === shimPath) return sendShim(response, view)
      return this.#recording.receive(request, response, { session, device })
    }
    return this.#exchange(asked, session, route)
  }

  async #exchange(asked: Asked, session: LiveSession, route: Route): Promise<void> {
    const { request, response, head } = asked
    if (request.headers['service-worker'] !== undefined) throw new TravessiaError('NOT_FOUND')
    const gone = new Departure()
    response.on('close', () => {
      if (!response.writableFinished) gone.abort()
    })
    const { slots, jar } = this.#memoryOf(session)
    if (!slots.takeNow(gone)) await slots.turn(gone)
    try {
      const { device, view, port, path } = this.#targetOf(session, route)
      if (session.access !== 'full')
        await this.#requireReadOnly(session, { device, port, path }, request)
      // Not a wait for what is there: each costs a promise and a turn of the queue.
      const opening = this.#clientOf(session, device)
      const client = opening instanceof Promise ? await opening : opening
      const { method = '', rawHeaders: headers } = request
      const said = { method, path: route.target, headers, redacted: head.redacted }
      const begun = ExchangeRecord.begin(this.#deps, ownerOf(session, device), said)
      const record = begun instanceof Promise ? await begun : begun
      const admitted = { device, view, port, path, client, jar, session, record }
      await forward({ request, response, head, gone }, admitted)
    } finally {
      slots.free()
    }
  }

  /** @throws TravessiaError REQUEST_INVALID and others for malformed requests, SESSION_ENDED */
  #resolve(
    request: IncomingMessage,
    target: string | undefined = '',
    head: BrowserHead,
  ): { session: LiveSession; route: Route } {
    const { method = '', httpVersion, rawHeaders } = request
    const problem = problemOf({ method, httpVersion, target, rawHeaders }, head.problem)
    if (problem) throw new TravessiaError(problem)
    const route = routeOf(head.hostname, target, this.#deps.remoteUrl().hostname)
    const session = route && this.#deps.sessions.find(route.sessionId)
    if (!session || session.mode !== route.mode) throw new TravessiaError('SESSION_ENDED')
    return { session, route }
  }

  /** What a request that left its session's path lacks; counted, since it says how well a page bears path mode. */
  #escapedPrefix({ headers, url = '' }: IncomingMessage, isUpgrade = false): string | undefined {
    const remote = this.#deps.remoteUrl()
    if (headers.host !== remote.host || url.startsWith('/remote/s/')) return undefined
    const shown = shownSessions(headers.cookie, this.#deps)
    const sessions = shown.map(({ id }) => id)
    const context = { publicOrigin: remote.origin, sessions, isUpgrade }
    const prefix = isSafeTarget(url) ? escapedPrefix(headers, context) : undefined
    const session = shown.find(({ id }) => prefix?.includes(id))
    if (!session) return undefined
    const count = ++this.#memoryOf(session).escapes
    if (/^10*$/.test(String(count)))
      this.#deps.log.info({ sessionId: session.id, count }, 'a page left its session’s path')
    return prefix
  }

  /** The session's cookie and the right origin. @throws TravessiaError SESSION_COOKIE_MISSING, ORIGIN_REFUSED */
  #admit(
    { method = '', headers }: IncomingMessage,
    { session, route, head }: { session: LiveSession; route: Route; head: BrowserHead },
    isUpgrade = false,
  ): void {
    const hash = head.cookieHash(sessionCookieName(route.mode, session.id), headers.cookie)
    if (hash === undefined || !this.#deps.secrets.isHashOfCookie(session.id, hash))
      throw new TravessiaError('SESSION_COOKIE_MISSING')
    if (!isOwnOrigin({ method, headers }, this.#memoryOf(session).origin, isUpgrade))
      throw new TravessiaError('ORIGIN_REFUSED')
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, early: Buffer): Promise<void> {
    const missing = this.#escapedPrefix(request, true) ?? ''
    const head = browserHeadOf(request)
    const { session, route } = this.#resolve(request, missing + request.url, head)
    if (!isWebSocketHandshake(request.method, request.headers))
      throw new TravessiaError('REQUEST_INVALID')
    this.#admit(request, { session, route, head }, true)
    const target = this.#targetOf(session, route)
    const memory = this.#memoryOf(session)
    if (memory.sockets >= maxSockets) throw new TravessiaError('TUNNEL_BUSY')
    memory.sockets += 1
    socket.once('close', () => {
      memory.sockets -= 1
    })
    if (session.access !== 'full') await this.#requireReadOnly(session, target, request, true)
    const client = await this.#clientOf(session, target.device)
    const owner = ownerOf(session, target.device)
    const described = { method: 'GET', path: route.target, headers: request.rawHeaders }
    const record = await ExchangeRecord.open(this.#deps, owner, described)
    const admitted = { ...target, client, jar: memory.jar, session, record }
    await forwardWebSocket({ request, socket, head: early }, admitted)
  }

  #targetOf(session: LiveSession, route: Route) {
    const device = this.#deps.views.devices.get(session.tenantId, session.deviceId)
    if (!device) throw new TravessiaError('SESSION_ENDED')
    const isReserved = route.target.startsWith(reservedPath)
    const other = isReserved ? portOf(route.target) : undefined
    if (!other && isReserved) throw new TravessiaError('NOT_FOUND')
    if (other && !device.ports.includes(other.port)) throw new TravessiaError('TARGET_FORBIDDEN')
    const path = other?.target ?? route.target
    // What is left after the session's and the port's prefix must be as safe as the whole, which was looked at.
    const isWhole = other === undefined && route.base === ''
    if (!isWhole && !isSafeTarget(path)) throw new TravessiaError('REQUEST_INVALID')
    const port = other?.port
    return { device, view: this.#memoryOf(session).viewOf(device, route.base, port), port, path }
  }

  /** The agent decides the same again (ADR 10). @throws TravessiaError SESSION_READ_ONLY: it is in the log */
  async #requireReadOnly(
    session: LiveSession,
    { device, path, port }: { device: DeviceRow; path: string; port: number | undefined },
    { method = '', rawHeaders: headers, headers: parsed }: IncomingMessage,
    isWebSocket = false,
  ): Promise<void> {
    const isOtherPort = port !== undefined
    const asked = { method, path, headers, hasBody: hasBody(parsed), isWebSocket, isOtherPort }
    if (isReadOnly(device.driver, asked)) return
    const errorCode = 'SESSION_READ_ONLY'
    await ExchangeRecord.refuse(this.#deps, ownerOf(session, device), { method, path, errorCode })
    throw new TravessiaError(errorCode)
  }

  /** That the agent will sign in is durable first. */
  #clientOf(session: LiveSession, device: DeviceRow): DeviceClient | Promise<DeviceClient> {
    const { access, sessions } = this.#deps
    const signIn = device.viaAgent && device.hasCredentials && device.signIn === 'agent'
    if (!signIn) return access.clientOf(device, session)
    return sessions.useCredentials(session).then(() => access.clientOf(device, session, true))
  }

  #memoryOf(session: LiveSession): SessionMemory {
    const known = this.#memory.get(session)
    if (known) return known
    const { origin } = new URL(sessionUrl(this.#deps.remoteUrl(), session))
    const memory = new SessionMemory(origin)
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

  /** @returns the session that was asked for */
  #tell(request: IncomingMessage, code: ErrorCode): LiveSession | undefined {
    const { method = '', url = '' } = request
    const { hostname } = browserHeadOf(request)
    const route = routeOf(hostname, url, this.#deps.remoteUrl().hostname)
    const session = route && this.#deps.sessions.find(route.sessionId)
    if (session) this.#refusals.tell(session, code, { method, path: route.target })
    return session
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const { headers: asked, url = '' } = request
    const code = codeOf(error)
    const { hostname } = browserHeadOf(request)
    const route = routeOf(hostname, url, this.#deps.remoteUrl().hostname)
    const session = this.#tell(request, code)
    const page = this.#page(request, session)
    if (code === 'INTERNAL')
      this.#deps.log.error({ err: error, correlationId: page.correlationId }, 'request failed')
    const isOver = code === 'SESSION_ENDED' && route?.mode === 'host'
    const headers = isOver ? clearingHeaders(asked.cookie) : {}
    sendError(request, response, code, { ...page, headers })
  }
}
