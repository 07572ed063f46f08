/**
 * Orders to look around in the LAN: verified, one at a time, not too often, refused while the agent is paused on site.
 * Killed meanwhile: the server waits in vain and says so.
 */
import { check } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import {
  type DiscoveryOrder,
  type DiscoveryRefusal,
  type DiscoveryReport,
  discoveryOrderSchema,
  type Suggestion,
} from '@travessia/schemas/discovery'
import { TravessiaError } from '@travessia/schemas/errors'
import { tokenKinds } from '@travessia/schemas/token-claims'
import type { JWK } from 'jose'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { openSigned } from '../signed.ts'

const clockSyncMs = 2_000
/** The server keeps 30 s; the way there does not always take the same time. */
export const pauseMs = 25_000
const isOrder = compile(discoveryOrderSchema)

type Deps = {
  readonly agent: { readonly tenantId: string; readonly agentId: string }
  readonly serverKeys: readonly JWK[]
  readonly clock: Pick<Clock, 'now' | 'sync'>
  readonly isPaused: () => boolean
  readonly search: (signal: AbortSignal) => Promise<Suggestion[]>
  readonly report: (report: DiscoveryReport) => Promise<boolean>
  readonly log: Logger
}

type Moment = {
  readonly expiresAt: number
  /** undefined: the agent does not know the time. */
  readonly now: number | undefined
  readonly isPaused: boolean
  /** ms since the last search began; Infinity: there was none. */
  readonly sinceLastMs: number
}

/** Why the agent does not look; undefined: it does. */
export function refusalOf({
  expiresAt,
  now,
  isPaused,
  sinceLastMs,
}: Moment): DiscoveryRefusal | undefined {
  if (isPaused) return 'AGENT_PAUSED'
  if (now === undefined) return 'CLOCK_UNKNOWN'
  if (now >= expiresAt) return 'COMMAND_EXPIRED'
  return sinceLastMs < pauseMs ? 'RATE_LIMITED' : undefined
}

export class Discovery {
  readonly #deps: Deps
  readonly #abort = new AbortController()
  #lastId: string | undefined
  #begunAt = Number.NEGATIVE_INFINITY

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /**
   * Resolves when the order was taken: other orders do not wait for the search. What comes of it is reported.
   * @throws TravessiaError COMMAND_SIGNATURE_INVALID, MESSAGE_INVALID: not an order for this agent
   */
  async receive(jws: string): Promise<void> {
    const { agent, serverKeys } = this.#deps
    const order = check(isOrder, await openSigned(jws, tokenKinds.discover, serverKeys))
    if (order.agentId !== agent.agentId || order.tenantId !== agent.tenantId)
      throw new TravessiaError('COMMAND_SIGNATURE_INVALID', { problem: 'addressee' })
    // QoS 1 may bring it twice.
    if (order.id === this.#lastId) return
    this.#lastId = order.id
    this.#obey(order).catch((error: unknown) =>
      this.#deps.log.error({ err: error, discoveryId: order.id }, 'search broke off'),
    )
  }

  stop(): void {
    this.#abort.abort()
  }

  async #obey({ id, expiresAt }: DiscoveryOrder): Promise<void> {
    const { clock, isPaused, search, report } = this.#deps
    const now = clock.now() ?? (await clock.sync(clockSyncMs))
    const sinceLastMs = performance.now() - this.#begunAt
    const refusal = refusalOf({ expiresAt, now, isPaused: isPaused(), sinceLastMs })
    const answer = { kind: 'discovery', discoveryId: id } as const
    if (refusal) {
      await report({ ...answer, suggestions: [], errorCode: refusal })
      return
    }
    this.#begunAt = performance.now()
    await report({ ...answer, suggestions: await search(this.#abort.signal) })
  }
}
