/** When the token is renewed: half to three quarters through its life, and soon when the broker refuses it. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { Logger } from 'pino'

const revokedRetryMs = 60_000
const maxDelayMs = 3600_000
/** A broker that refuses fresh tokens, or a clock that is wrong, must not become a storm. */
const minIntervalMs = 30_000

type Deps = {
  /** @throws TravessiaError AGENT_REVOKED */
  readonly renew: () => Promise<void>
  /** ms until the token that is held expires. */
  readonly leftMs: () => number
  readonly log: Logger
}

export function renewalDelayMs(leftMs: number, random = Math.random): number {
  return Math.min(maxDelayMs, Math.max(0, leftMs * (0.5 + random() * 0.25)))
}

export class TokenRenewal {
  readonly #deps: Deps
  #timer: NodeJS.Timeout | undefined
  #dueAt = Number.POSITIVE_INFINITY
  #lastAt = Number.NEGATIVE_INFINITY
  #isRunning = false
  #isStopped = false
  /** The server has unpaired this agent. */
  isRevoked = false

  constructor(deps: Deps) {
    this.#deps = deps
  }

  start(): void {
    this.#renewIn(renewalDelayMs(this.#deps.leftMs()))
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** The broker refused the token. */
  refused(): void {
    if (this.#isRunning) return
    const inMs = Math.max(0, this.#lastAt + minIntervalMs - performance.now())
    if (performance.now() + inMs < this.#dueAt) this.#renewIn(inMs)
  }

  #renewIn(inMs: number): void {
    if (this.#isStopped) return
    clearTimeout(this.#timer)
    this.#dueAt = performance.now() + inMs
    this.#timer = setTimeout(() => void this.#renew(), inMs)
  }

  async #renew(): Promise<void> {
    const { renew, leftMs, log } = this.#deps
    this.#isRunning = true
    this.#lastAt = performance.now()
    let inMs: number
    try {
      await renew()
      this.isRevoked = false
      inMs = Math.max(minIntervalMs, renewalDelayMs(leftMs()))
    } catch (error) {
      this.isRevoked = error instanceof TravessiaError && error.code === 'AGENT_REVOKED'
      log.warn({ err: error }, 'token not renewed')
      inMs = this.isRevoked ? revokedRetryMs : 2_000 + Math.random() * 3_000
    }
    this.#isRunning = false
    this.#renewIn(inMs)
  }
}
