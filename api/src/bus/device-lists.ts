/**
 * Keeps each connected agent's signed device list up to date: sent when the agent connects and when a
 * device changes, again until the agent confirms. Killed at any line: the next connection sends it.
 */
import type { DeviceList } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { Logger } from 'pino'
import type { Link } from '../link/link.ts'

const resendMs = 2_000
const resends = 15

type Deps = {
  readonly link: Pick<Link, 'command'>
  /** The list as it is now; undefined: no such agent. */
  readonly listOf: (agent: AgentAddress) => Promise<DeviceList | undefined>
  readonly sign: (list: DeviceList) => Promise<string>
  /** Records, before they go, which credentials the list carries. @throws when that is not durable */
  readonly recordCredentials: (agent: AgentAddress, list: DeviceList) => Promise<void>
  readonly isOnline: (agentId: string) => boolean
  readonly log: Logger
}

export class DeviceLists {
  readonly #deps: Deps
  /** Highest version that each agent has confirmed to this node. */
  readonly #confirmed = new Map<string, number>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  connected(agent: AgentAddress): void {
    this.#send(agent, resends)
  }

  /** A device of this agent's installation was registered, changed or removed. */
  changed(agent: AgentAddress): void {
    this.#send(agent, resends)
  }

  confirmed({ agentId }: AgentAddress, version: number): void {
    this.#confirmed.set(agentId, version)
    for (const wake of this.#waiting.get(agentId) ?? []) wake()
  }

  /**
   * Resolves when the agent has confirmed the list of at least this version.
   * @throws TravessiaError AGENT_NOT_READY after `withinMs`
   */
  async whenConfirmed({ agentId }: AgentAddress, version: number, withinMs: number): Promise<void> {
    if (this.#holds(agentId, version)) return
    const waiting = this.#waiting.get(agentId) ?? new Set()
    this.#waiting.set(agentId, waiting)
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        clearTimeout(timer)
        waiting.delete(wake)
      }
      const wake = () => {
        if (!this.#holds(agentId, version)) return
        end()
        resolve()
      }
      const timer = setTimeout(() => {
        end()
        reject(new TravessiaError('AGENT_NOT_READY', { agentId }))
      }, withinMs)
      waiting.add(wake)
    })
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  #holds(agentId: string, version: number): boolean {
    return (this.#confirmed.get(agentId) ?? -1) >= version
  }

  #send(agent: AgentAddress, left: number): void {
    clearTimeout(this.#timers.get(agent.agentId))
    const again = () => {
      if (left === 0) return
      const timer = setTimeout(() => this.#send(agent, left - 1), resendMs)
      this.#timers.set(agent.agentId, timer.unref())
    }
    this.#publish(agent)
      .then((version) => {
        if (version !== undefined && !this.#holds(agent.agentId, version)) again()
      })
      .catch((error: unknown) => {
        this.#deps.log.error({ err: error, ...agent }, 'device list not sent')
        again()
      })
  }

  async #publish(agent: AgentAddress): Promise<number | undefined> {
    const { isOnline, link, listOf, sign, recordCredentials } = this.#deps
    if (!isOnline(agent.agentId)) return undefined
    const list = await listOf(agent)
    if (!list) return undefined
    if (!this.#holds(agent.agentId, list.version)) {
      await recordCredentials(agent, list)
      await link.command(agent, 'devices', await sign(list))
    }
    return list.version
  }
}
