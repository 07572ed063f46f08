/**
 * Passages that agents tell: each through its decider, then a receipt. Killed between the log and the receipt: the agent
 * tells them again, and they are known.
 */
import type { Passage, PassagesReceipt, PassagesReport } from '@travessia/schemas/passages'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { DeviceRow } from '../views/devices.ts'
import type { Views } from '../views/views.ts'
import { deviceOfAgent } from './device-of-agent.ts'

/** Of one device. Beyond, there is no receipt: the agent tells them again, the device keeps its list. */
const maxPerMinute = 2_000

type Deps = {
  readonly views: Pick<Views, 'agents' | 'devices'>
  /** Puts it through the decider; a known one is no news. */
  readonly record: (device: DeviceRow, agentId: string, passage: Passage) => Promise<void>
  readonly receipt: (agent: AgentAddress, receipt: PassagesReceipt) => Promise<void>
  readonly now: () => number
}

export class Passages {
  readonly #deps: Deps
  /** Those of the running minute. */
  readonly #told = new Map<string, number>()
  #minute = 0

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** A device of another agent, or none at all: nothing happens. */
  async report(agent: AgentAddress, { batch, deviceId, passages }: PassagesReport): Promise<void> {
    const { views, record, receipt } = this.#deps
    const device = deviceOfAgent(views, agent, deviceId)
    if (!device || !this.#isWithinRate(deviceId, passages.length)) return
    for (const passage of passages) await record(device, agent.agentId, passage)
    await receipt(agent, { batch })
  }

  #isWithinRate(deviceId: string, count: number): boolean {
    const minute = Math.floor(this.#deps.now() / 60_000)
    if (minute !== this.#minute) this.#told.clear()
    this.#minute = minute
    const told = (this.#told.get(deviceId) ?? 0) + count
    if (told > maxPerMinute) return false
    this.#told.set(deviceId, told)
    return true
  }
}
