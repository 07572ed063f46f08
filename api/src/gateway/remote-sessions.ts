/**
 * Remote sessions that are open now: who, which device, until when, and what must be cut at the end. The log
 * is the truth; after a start the open ones come from the view, and those whose time is over are closed.
 */
import { type ErrorCode, type Language, TravessiaError } from '@travessia/schemas/errors'
import type { Actor, EventContext } from '@travessia/schemas/events'
import type { SessionAccess } from '@travessia/schemas/grant'
import { newId } from '@travessia/schemas/ids'
import type { Logger } from 'pino'
import { unlessDamaged } from '../audit/damaged-log.ts'
import { handle } from '../domain/decider.ts'
import { session as decider, defaultTtlSeconds, type Extension } from '../domain/session.ts'
import { eventContext } from '../event-context.ts'
import { present } from '../present.ts'
import type { EventStore } from '../store/event-store.ts'
import type { DeviceRow } from '../views/devices.ts'
import type { SessionRow } from '../views/sessions.ts'
import type { Views } from '../views/views.ts'
import { Cuts } from './cuts.ts'
import type { DeviceAccess } from './device-access.ts'
import { SessionCloser } from './session-closer.ts'
import type { SessionSecrets } from './session-secrets.ts'

export type LiveSession = {
  readonly id: string
  readonly tenantId: string
  readonly installationId: string
  readonly deviceId: string
  readonly userId: string
  /** The sign-in that opened it; undefined: opened before this node started. */
  readonly loginId?: string
  readonly mode: 'host' | 'path'
  readonly access: SessionAccess
  readonly language: Language
  /** ms since 1970. */
  expiresAt: number
  isEnded: boolean
  /** That the agent signs in has been recorded, or is being. */
  credentialsUse?: Promise<unknown> | undefined
  /** Ends what is under way: responses, uploads, sockets. */
  readonly cuts: Cuts
  readonly totals: { requests: number; bytesIn: number; bytesOut: number }
  /** Copies of bodies, kept since this node started. */
  readonly captured: { bytes: number }
}

type OpenRequest = {
  readonly userId: string
  readonly loginId: string
  readonly device: DeviceRow
  readonly reason: string
  readonly ttlSeconds?: number
  readonly mode?: 'host' | 'path'
  readonly access?: SessionAccess
  readonly clientIp: string
  readonly userAgent: string
  readonly correlationId: string
  /** Asked when the session is open: a revocation before that did not see it. */
  readonly isWelcome: () => Promise<boolean>
}

type EndHow = 'SessionClosed' | 'SessionExpired' | 'SessionRevoked'

type Deps = {
  readonly store: EventStore
  readonly views: Views
  readonly access: DeviceAccess
  readonly secrets: SessionSecrets
  readonly languageOf: (userId: string) => Language
  /** Where a session's pages are. */
  readonly urlOf: (session: { readonly id: string; readonly mode: 'host' | 'path' }) => string
  readonly defaultMode: 'host' | 'path'
  readonly now: () => number
  readonly log: Logger
}

export class RemoteSessions {
  readonly #deps: Deps
  readonly #live = new Map<string, LiveSession>()
  readonly #closer: SessionCloser

  constructor(deps: Deps) {
    this.#deps = deps
    this.#closer = new SessionCloser(deps.now, (session) => {
      this.#end(session, 'SessionExpired', 'expiry').catch(() => undefined)
    })
  }

  /** Takes up the sessions that were open when the last node stopped. */
  async start(): Promise<void> {
    for (const row of await this.#deps.views.sessions.active()) {
      const session = this.#toLive(row)
      if (session.expiresAt > this.#deps.now()) this.#add(session)
      else
        await unlessDamaged(
          this.#deps.log,
          { tenantId: session.tenantId, sessionId: session.id },
          () => this.#end(session, 'SessionExpired', 'crash-recovery'),
        )
    }
  }

  /** Cuts everything; the sessions stay open for the next start. */
  stop(): void {
    for (const session of this.#live.values()) session.cuts.cut()
    this.#closer.stop()
  }

  find(sessionId: string): LiveSession | undefined {
    const session = this.#live.get(sessionId)
    return session && !session.isEnded && session.expiresAt > this.#deps.now() ? session : undefined
  }

  /** In which this person uses this device now: of several the one that was opened last. */
  inUse(userId: string, deviceId: string): LiveSession | undefined {
    return [...this.#live.values()].findLast(
      (one) => one.userId === userId && one.deviceId === deviceId && this.find(one.id),
    )
  }

  /**
   * @throws TravessiaError AGENT_MISSING, AGENT_OFFLINE, AGENT_NOT_READY (recorded as denied), STORE_UNAVAILABLE,
   *   SESSION_ENDED: it has no right to be any more
   */
  async open(request: OpenRequest): Promise<{ sessionId: string; url: string; expiresAt: string }> {
    const { device, ttlSeconds = defaultTtlSeconds, mode = this.#deps.defaultMode } = request
    const { access = 'full' } = request
    const agent = this.#agentOf(device)
    const refusal = await this.#refusalOf(device)
    const sessionId = newId()
    const intent = {
      type: 'OpenSession',
      ...{ now: this.#deps.now(), purpose: request.reason, ttlSeconds, mode, access },
      ...{ clientIp: request.clientIp, userAgent: request.userAgent.slice(0, 300) },
      ...{ recordingLevel: device.capture, targetOrigin: device.baseUrl },
      ...present({ refusal }),
    } as const
    const { tenantId } = device
    const context = eventContext({ type: 'user', id: request.userId }, this.#deps.now(), {
      ...{ installationId: device.installationId, deviceId: device.id, sessionId },
      correlationId: request.correlationId,
    })
    const { position } = await this.#handle({ tenantId, id: sessionId }, intent, context)
    if (refusal) throw new TravessiaError(refusal)
    await this.#deps.views.until(position)
    const row = await this.#deps.views.sessions.get(tenantId, sessionId)
    if (!row) throw new TravessiaError('INTERNAL')
    const session: LiveSession = { ...this.#toLive(row), loginId: request.loginId }
    this.#add(session)
    const isWelcome = await request.isWelcome().catch(() => false)
    const isSameAgent = agent === undefined || this.#agentOf(device) === agent
    if (session.isEnded || !isWelcome || !isSameAgent) {
      await this.#end(session, 'SessionRevoked', isSameAgent ? 'access-changed' : 'agent-unpaired')
      throw new TravessiaError('SESSION_ENDED')
    }
    const ticket = this.#deps.secrets.newTicket(sessionId)
    const url = `${this.#deps.urlOf({ id: sessionId, mode })}/__travessia/enter?ticket=${ticket}`
    return { sessionId, url, expiresAt: row.expiresAt }
  }

  urlOf(session: { readonly id: string; readonly mode: 'host' | 'path' }): string {
    return `${this.#deps.urlOf(session)}/`
  }

  /** @throws TravessiaError SESSION_ENDED, SESSION_LIMIT */
  async extend(
    session: { readonly tenantId: string; readonly id: string },
    { context, ...wanted }: Extension & { readonly context: EventContext },
  ): Promise<{ expiresAt: string }> {
    const intent = { type: 'ExtendSession', now: this.#deps.now(), ...wanted } as const
    const { state, position } = await this.#handle(session, intent, context)
    if (state.status !== 'open') throw new TravessiaError('SESSION_ENDED')
    const live = this.#live.get(session.id)
    if (live && !live.isEnded) {
      live.expiresAt = state.expiresAt
      this.#closer.watch(live)
    }
    await this.#deps.views.until(position)
    return { expiresAt: new Date(state.expiresAt).toISOString() }
  }

  /** Durable before the agent signs in for the first time. @throws TravessiaError SESSION_ENDED, STORE_UNAVAILABLE */
  async useCredentials(session: LiveSession): Promise<void> {
    const intent = { type: 'UseCredentials', now: this.#deps.now() } as const
    const actor = { type: 'user', id: session.userId } as const
    session.credentialsUse ??= this.#handle(session, intent, this.#contextBy(actor, session))
    await session.credentialsUse.catch((error: unknown) => {
      session.credentialsUse = undefined
      throw error
    })
  }

  /** At its user's word. Nothing happens when it has ended already. */
  async close(sessionId: string, context?: EventContext): Promise<void> {
    const session = this.#live.get(sessionId)
    if (session) await this.#end(session, 'SessionClosed', 'user', context)
  }

  /** Ends every open session that the test finds, for a reason outside of them. */
  async revokeWhere(isMeant: (session: LiveSession) => boolean, reason: string): Promise<void> {
    const meant = [...this.#live.values()].filter(isMeant)
    await Promise.all(meant.map((session) => this.#end(session, 'SessionRevoked', reason)))
  }

  #agentOf({ tenantId, installationId }: DeviceRow): string | undefined {
    return this.#deps.views.agents.current(tenantId, installationId)?.agentId
  }

  async #refusalOf(device: DeviceRow): Promise<ErrorCode | undefined> {
    try {
      await this.#deps.access.ready(device)
      return undefined
    } catch (error) {
      if (error instanceof TravessiaError) return error.code
      throw error
    }
  }

  /** At once; what the log does not take is tried again until it does. @throws TravessiaError STORE_UNAVAILABLE */
  async #end(
    session: LiveSession,
    how: EndHow,
    reason: string,
    context = this.#contextBy({ type: 'system', id: 'session-closer' }, session),
  ): Promise<void> {
    session.isEnded = true
    this.#closer.forget(session)
    session.cuts.cut()
    const intent = { type: 'EndSession', how, reason, totals: { ...session.totals } } as const
    const { position } = await this.#handle(session, intent, context).catch((error: unknown) => {
      const again = () => this.#end(session, how, reason, context).catch(() => undefined)
      this.#deps.log.error(
        { err: error, sessionId: session.id },
        'session end not recorded, trying again',
      )
      this.#closer.retry(session, again)
      throw error
    })
    this.#live.delete(session.id)
    this.#deps.secrets.forget(session.id)
    await this.#deps.views.until(position)
  }

  #handle(
    { tenantId, id }: { readonly tenantId: string; readonly id: string },
    intent: Parameters<typeof decider.decide>[0],
    context: EventContext,
  ) {
    const stream = { tenantId, streamKind: 'session', streamId: id } as const
    return handle(this.#deps.store, decider, stream, intent, context)
  }

  #add(session: LiveSession): void {
    this.#live.set(session.id, session)
    this.#closer.watch(session)
  }

  #toLive(row: SessionRow): LiveSession {
    const { id, tenantId, installationId, deviceId, userId, mode, access } = row
    const { requests, bytesIn, bytesOut } = row
    return {
      ...{ id, tenantId, installationId, deviceId, userId, mode, access },
      language: this.#deps.languageOf(userId),
      expiresAt: Date.parse(row.expiresAt),
      ...{ isEnded: false, cuts: new Cuts(), totals: { requests, bytesIn, bytesOut } },
      captured: { bytes: 0 },
    }
  }

  #contextBy(actor: Actor, session: LiveSession): EventContext {
    const { id: sessionId, installationId, deviceId } = session
    return eventContext(actor, this.#deps.now(), { installationId, deviceId, sessionId })
  }
}
