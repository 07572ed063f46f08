/**
 * Says in the log that the node's clock has jumped, by comparing it each second with one that only goes forward. What slews it
 * slowly is no jump; a machine that slept or stood still is one, to whoever reads the times.
 */
import { newId, systemTenantId } from '@travessia/schemas/ids'
import type { Logger } from 'pino'
import type { EventStore } from '../store/event-store.ts'

const everyMs = 1_000
const stepMs = 1_000
/** Between two looks at the steady clock: after more than that nobody knows when the other was read. */
const exactWithinMs = 100

type Deps = {
  readonly store: Pick<EventStore, 'append'>
  readonly nodeId: string
  readonly now: () => number
  readonly log: Pick<Logger, 'warn' | 'error'>
  readonly steady?: () => number
}

export class ClockWatch {
  readonly #deps: Deps
  /** What lies between the two clocks. */
  #between: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(deps: Deps) {
    this.#deps = deps
  }

  start(): void {
    void this.look()
    this.#timer = setInterval(() => void this.look(), everyMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async look(): Promise<void> {
    const { now, steady = () => performance.now() } = this.#deps
    const before = steady()
    const to = now()
    const after = steady()
    if (after - before > exactWithinMs) return
    const between = to - after
    const step = between - (this.#between ?? between)
    this.#between = between
    if (Math.abs(step) >= stepMs) await this.#record(to - step, to)
  }

  async #record(from: number, to: number): Promise<void> {
    const { store, nodeId, log } = this.#deps
    const data = { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
    log.warn(data, 'the clock has jumped')
    const streamId = newId()
    const context = { actor: { type: 'system', id: nodeId }, at: data.to } as const
    await store
      .append({
        ...{ tenantId: systemTenantId, streamKind: 'system', streamId, expected: 'none' },
        events: [{ ...context, correlationId: streamId, type: 'ClockStepped', data }],
      })
      .catch((error: unknown) => log.error({ err: error }, 'jump of the clock not recorded'))
  }
}
