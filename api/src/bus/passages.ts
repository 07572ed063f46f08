/**
 * Passages that agents tell: each through its decider, then a receipt. Killed between the log and the receipt: the agent
 * tells them again, and they are known.
 */
import type { PassagesReceipt, PassagesReport } from '@travessia/schemas/passages'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { Link } from '../link/link.ts'
import type { Views } from '../views/views.ts'
import { deviceOfAgent } from './device-of-agent.ts'
import type { Recorder } from './recorder.ts'

/** Of one device. Beyond, there is no receipt: the agent tells them again, the device keeps its list. */
const maxPerMinute = 2_000

type Deps = {
  readonly views: Pick<Views, 'agents' | 'devices'>
  readonly link: Pick<Link, 'command'>
  readonly recorder: Pick<Recorder, 'passage'>
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
    const { views, link, recorder } = this.#deps
    const device = deviceOfAgent(views, agent, deviceId)
    if (!device || !this.#isWithinRate(deviceId, passages.length)) return
    for (const passage of passages) await recorder.passage(device, agent.agentId, passage)
    const receipt: PassagesReceipt = { batch }
    await link.command(agent, 'passages', JSON.stringify(receipt))
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
