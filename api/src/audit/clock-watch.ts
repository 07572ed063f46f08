/**
 * Says in the log that the node's clock has jumped, by comparing it each second with one that only goes forward. What slews it
 * slowly is no jump; a machine that slept or stood still is one, to whoever reads the times. Said in every customer's log, since it is
 * their times that are in doubt.
 */
import { newId, systemTenantId } from '@travessia/schemas/ids'
import type { Logger } from 'pino'
import type { EventStore } from '../store/event-store.ts'

const everyMs = 1_000
const stepMs = 1_000
/** Between two looks at the steady clock: after more than that nobody knows when the other was read. */
const exactWithinMs = 100

type Deps = {
  readonly store: Pick<EventStore, 'append' | 'evidence'>
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
    const context = { actor: { type: 'system', id: nodeId }, at: data.to } as const
    const fact = { ...context, correlationId: newId(), type: 'ClockStepped', data } as const
    const stream = { streamKind: 'system', expected: 'none', events: [fact] } as const
    const lost = (error: unknown) => log.error({ err: error }, 'jump of the clock not recorded')
    const sizes = await store.evidence.sizes().catch((error: unknown) => void lost(error))
    const logs = new Set([systemTenantId, ...(sizes ?? []).map(({ tenantId }) => tenantId)])
    for (const tenantId of logs)
      await store.append({ ...stream, tenantId, streamId: newId() }).catch(lost)
  }
}
