/**
 * What devices are now, as their agents say on `telemetry/state`: kept here with its time, sampled for charts, and a
 * fact when the status changes. Lost with the process; the agents say it again within a minute.
 */
import type { DeviceState, StateReport } from '@travessia/schemas/device-state'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { Reported } from '../domain/device.ts'
import { present } from '../present.ts'
import type { History } from '../store/history.ts'
import type { DeviceRow } from '../views/devices.ts'
import type { Views } from '../views/views.ts'
import { deviceOfAgent } from './device-of-agent.ts'
import type { Recorder } from './recorder.ts'

/** An agent that floods is not listened to more often. */
const betweenMs = 200

/** `at`: ms since 1970, when the node heard it. */
export type KnownState = { readonly state: DeviceState; readonly at: number }

type Deps = {
  readonly views: Pick<Views, 'agents' | 'devices'>
  readonly history: Pick<History, 'add'>
  readonly recorder: Pick<Recorder, 'deviceState'>
  readonly now: () => number
}

export class DeviceStates {
  readonly #deps: Deps
  readonly #states = new Map<string, KnownState>()
  readonly #listeners = new Set<(device: DeviceRow, known: KnownState) => void>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  of(deviceId: string): KnownState | undefined {
    return this.#states.get(deviceId)
  }

  onChange(listener: (device: DeviceRow, known: KnownState) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A device of another agent, or none at all: nothing happens. */
  async report(agent: AgentAddress, { deviceId, state }: StateReport): Promise<void> {
    const { history, now } = this.#deps
    const before = this.#states.get(deviceId)
    const isNews = before?.state.status !== state.status
    if (before && !isNews && now() - before.at < betweenMs) return
    const device = deviceOfAgent(this.#deps.views, agent, deviceId)
    if (!device) return
    const known = { state, at: now() }
    this.#states.set(deviceId, known)
    history.add(deviceId, known.at, state)
    for (const listener of this.#listeners) listener(device, known)
    if (isNews && device.status !== state.status)
      await this.#deps.recorder.deviceState(device, agent.agentId, reportedOf(state))
  }
}

function reportedOf({ status, detail, job }: DeviceState): Reported {
  return { status, ...present({ detail, file: job?.file }) }
}
