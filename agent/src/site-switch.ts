/**
 * What the site says beside the cloud: the switch (`pause.ts`) and the hours of its rules. Asked by each order and each
 * request, and looked at by itself, so that what is open ends.
 */
import type { SitePolicy } from '@travessia/schemas/site-policy'
import { ResetCode } from '@travessia/schemas/tunnel-frame'
import { type PausedUntil, pausedUntil, recentPause } from './pause.ts'
import { isOpen } from './site-policy.ts'

const lookEveryMs = 1_000

type Deps = {
  readonly pausePath: string
  readonly policy: () => SitePolicy | undefined
  /** Ends all open pages. */
  readonly cut: (code: ResetCode) => void
  /** Is it on or off now: the cloud is to hear it at once. */
  readonly turned: () => void
}

export class SiteSwitch {
  readonly #deps: Deps
  readonly #recent: () => PausedUntil | undefined
  #said: PausedUntil | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(deps: Deps) {
    this.#deps = deps
    this.#recent = recentPause(deps.pausePath)
  }

  /** As the cloud was told last; undefined: not paused. */
  get said(): PausedUntil | undefined {
    return this.#said
  }

  start(): void {
    this.#said = this.#until()
    this.#timer = setInterval(() => this.#look(), lookEveryMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** For orders: as the disk says now. */
  isPaused(): boolean {
    return this.#until() !== undefined
  }

  /** For requests, which are many: as the disk said some milliseconds ago. */
  wasPaused(): boolean {
    return this.#recent() !== undefined
  }

  #look(): void {
    const { policy, cut, turned } = this.#deps
    const rules = policy()
    if (rules && !isOpen(rules, Date.now())) cut(ResetCode.policyHours)
    const until = this.#until()
    if (until === this.#said) return
    this.#said = until
    if (until !== undefined) cut(ResetCode.paused)
    turned()
  }

  #until(): PausedUntil | undefined {
    return pausedUntil(this.#deps.pausePath)
  }
}
