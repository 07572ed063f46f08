/**
 * `GET /api/events`: Server-Sent Events of the reader's own tenant, from a position on; `id:` is the position, so
 * that a browser which comes back soon misses nothing; whoever comes back later is told to fetch again. The past is read where
 * that is recorded (`audit.ts`). Who the reader is and what they may see is asked again for each batch and each tick.
 */
import type { ServerResponse } from 'node:http'
import type { LiveFact, LiveHeartbeat, LiveState } from '@travessia/schemas/api'
import { TravessiaError } from '@travessia/schemas/errors'
import type { EventType, RecordedEvent } from '@travessia/schemas/events'
import { withoutPersonal } from '@travessia/schemas/personal'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { readEvent } from '../audit/reading.ts'
import type { Readings } from '../audit/readings.ts'
import { current, requirePrincipal } from '../plugins/authentication.ts'
import { may, maySee, type Principal } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import { agentStateOf } from './installations.ts'
import { type App, contextOf } from './route.ts'

const tickMs = 15_000
/** A disabled person's stream ends within 5 s. */
const welcomeMs = 4_000
const retryMs = 3_000
const maxCatchUp = 500
/** What is older is not told any more to who comes back. */
const maxMissedMs = 5 * 60_000
/** Of one person: a tab has one. */
const maxStreams = 64
const maxBufferedBytes = 1024 * 1024

/** Each page of a device makes many of these; the timeline of a session shows them. */
const notLive: ReadonlySet<EventType> = new Set([
  ...(['HttpRequestForwarded', 'HttpResponseReceived', 'HttpExchangeFailed'] as const),
])

export function addLiveRoute(app: App, services: Services, readings: Readings): void {
  /** Of each person. */
  const streams = new Map<string, number>()
  const closed = (userId: string) => {
    const left = (streams.get(userId) ?? 1) - 1
    if (left > 0) streams.set(userId, left)
    else streams.delete(userId)
  }
  app.get(
    '/api/events',
    {
      config: { permission: 'read' },
      // An answer to it would never end.
      exposeHeadRoute: false,
      schema: { querystring: Type.Object({ after: Type.Optional(Type.Integer({ minimum: 0 })) }) },
    },
    async (request, reply) => {
      const principal = requirePrincipal(request)
      const head = await services.store.head()
      const wanted = lastEventOf(request) ?? request.query.after ?? head
      const after = await placeOf(services, principal, { wanted, head })
      if (after !== undefined && after < head && may(principal.role, 'audit'))
        await readings.record(principal.tenantId, contextOf(services, request), missed)
      const { userId } = principal
      const open = streams.get(userId) ?? 0
      if (open >= maxStreams) throw new TravessiaError('RATE_LIMITED')
      reply.hijack()
      // Gone while the log was asked: nothing would end its stream any more.
      if (reply.raw.destroyed) return
      streams.set(userId, open + 1)
      reply.raw.once('close', () => closed(userId))
      new LiveStream(services, principal, reply.raw).open(after, head)
    },
  )
}

const missed = { list: 'live', filter: {} } as const

/**
 * The newest where this customer's log has nothing after the place that is wanted. Undefined: too long ago, or of a log that went
 * on when an older backup was put back; the reader would hear nothing until this one is as long.
 */
async function placeOf(
  { store, now }: Services,
  { tenantId }: Principal,
  { wanted, head }: { readonly wanted: number; readonly head: number },
): Promise<number | undefined> {
  if (wanted > head) return undefined
  const [next] = wanted < head ? await store.readTenant(tenantId, wanted, 1) : []
  if (!next || next.position > head) return head
  return Date.parse(next.recordedAt) < now() - maxMissedMs ? undefined : wanted
}

function lastEventOf({ headers }: FastifyRequest): number | undefined {
  const last = String(headers['last-event-id'] ?? '')
  return /^\d{1,15}$/.test(last) ? Number(last) : undefined
}

class LiveStream {
  readonly #services: Services
  readonly #response: ServerResponse
  #principal: Principal
  #position = 0
  #sending: Promise<void> = Promise.resolve()
  /** It will look at the log yet. */
  #isWoken = false

  constructor(services: Services, principal: Principal, response: ServerResponse) {
    this.#services = services
    this.#principal = principal
    this.#response = response
  }

  /** @param after undefined: the reader is to fetch again, and hears what comes from now on */
  open(after: number | undefined, head: number): void {
    const { deviceStates, presence, views } = this.#services
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    this.#response.write(`retry: ${retryMs}\n\n`)
    if (after === undefined) this.#reset(head)
    else this.#position = after
    const unsubscribe = [
      views.onEvents(() => this.#wake()),
      presence.onChange(({ agentId, tenantId }) => {
        if (tenantId === this.#principal.tenantId) this.#inOrder(() => this.#heartbeat(agentId))
      }),
      deviceStates.onChange((device, { state, at }) => {
        const { tenantId, installationId, id: deviceId } = device
        if (tenantId !== this.#principal.tenantId || !maySee(this.#principal, installationId))
          return
        const live: LiveState = { deviceId, state, at: new Date(at).toISOString() }
        this.#write(`event: state\ndata: ${JSON.stringify(live)}\n\n`)
      }),
    ]
    const timers = [
      setInterval(() => this.#write(': tick\n\n'), tickMs),
      setInterval(() => this.#inOrder(async () => void (await this.#isStillWelcome())), welcomeMs),
    ]
    this.#response.once('close', () => {
      for (const timer of timers) clearInterval(timer)
      for (const stop of unsubscribe) stop()
    })
    this.#wake()
  }

  #wake(): void {
    if (this.#isWoken) return
    this.#isWoken = true
    this.#inOrder(() => this.#facts())
  }

  async #facts(): Promise<void> {
    this.#isWoken = false
    const { store } = this.#services
    const { tenantId } = this.#principal
    if (!(await this.#isStillWelcome())) return
    const events = await store.readTenant(tenantId, this.#position, maxCatchUp)
    for (const event of events) {
      this.#position = event.position
      if (this.#maySee(event)) await this.#send(event)
    }
    if (events.length < maxCatchUp) return
    // Too far behind to be told one by one: the reader fetches again.
    this.#reset(await store.head())
  }

  #reset(position: number): void {
    this.#position = position
    this.#write(`event: reset\nid: ${position}\ndata: {}\n\n`)
  }

  async #send(event: RecordedEvent): Promise<void> {
    const read = await readEvent(this.#services, event, this.#principal.language)
    const { position, type, at, actor, installationId, deviceId, sessionId, commandId } = read
    const { summary } = read
    const data = may(this.#principal.role, 'audit') ? read.data : withoutPersonal(event)
    const places = { installationId, deviceId, sessionId, commandId }
    const fact = { position, type, at, actor, ...places, summary, data } as LiveFact
    const stream = event.streamKind === 'session' ? { sessionId: event.streamId } : {}
    this.#write(`event: fact\nid: ${position}\ndata: ${JSON.stringify({ ...fact, ...stream })}\n\n`)
  }

  async #heartbeat(agentId: string): Promise<void> {
    const { tenantId } = this.#principal
    const agent = await this.#services.views.agents.get(tenantId, agentId)
    if (!agent || !maySee(this.#principal, agent.installationId)) return
    const { installationId } = agent
    const state = agentStateOf(this.#services, { tenantId, id: installationId })
    const heartbeat: LiveHeartbeat = { installationId, agent: state }
    this.#write(`event: heartbeat\ndata: ${JSON.stringify(heartbeat)}\n\n`)
  }

  /** Signed out, disabled or narrowed meanwhile: the stream ends or shows less. */
  async #isStillWelcome(): Promise<boolean> {
    const principal = await current(this.#services, this.#principal)
    if (principal) this.#principal = principal
    else this.#response.end()
    return principal !== undefined
  }

  #maySee({ type, streamKind, streamId, installationId }: RecordedEvent): boolean {
    const isPrivate = streamKind === 'access' || streamKind === 'audit' || streamKind === 'system'
    if (notLive.has(type) || (isPrivate && !may(this.#principal.role, 'audit'))) return false
    return maySee(this.#principal, streamKind === 'installation' ? streamId : installationId)
  }

  #inOrder(work: () => Promise<void>): void {
    this.#sending = this.#sending.then(work).catch(() => {
      this.#response.destroy()
    })
  }

  #write(text: string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return
    // A reader that takes nothing comes back with Last-Event-ID.
    if (this.#response.writableLength > maxBufferedBytes) this.#response.destroy()
    else this.#response.write(text)
  }
}
