/**
 * Keeps each connected agent's signed device list up to date: sent when the agent connects and when a
 * device changes, again until the agent confirms. Killed at any line: the next connection sends it.
 */
import type { DeviceList } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { Logger } from 'pino'
import type { Tokens } from '../identity/tokens.ts'
import type { Link } from '../link/link.ts'

const resendMs = 2_000
const resends = 15

type Deps = {
  readonly link: Pick<Link, 'command'>
  /** The list as it is now; undefined: no such agent. */
  readonly listOf: (agent: AgentAddress) => Promise<DeviceList | undefined>
  readonly tokens: Pick<Tokens, 'signDevices'>
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
  /** Agents whose list is on its way; true: it has changed since. */
  readonly #sending = new Map<string, boolean>()

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

  /** One at a time for each agent: sealing the credentials of hundreds of devices takes a while, and each change asks for it. */
  #send(agent: AgentAddress, left: number): void {
    const { agentId } = agent
    clearTimeout(this.#timers.get(agentId))
    const isUnderWay = this.#sending.has(agentId)
    this.#sending.set(agentId, isUnderWay)
    if (isUnderWay) return
    void this.#publish(agent)
      .then((version) => version !== undefined && !this.#holds(agentId, version))
      .catch((error: unknown) => {
        this.#deps.log.error({ err: error, ...agent }, 'device list not sent')
        return true
      })
      .then((isOpen) => {
        const hasChanged = this.#sending.get(agentId) === true
        this.#sending.delete(agentId)
        if (hasChanged) this.#send(agent, resends)
        else if (isOpen && left > 0) {
          const timer = setTimeout(() => this.#send(agent, left - 1), resendMs)
          this.#timers.set(agentId, timer.unref())
        }
      })
  }

  async #publish(agent: AgentAddress): Promise<number | undefined> {
    const { isOnline, link, listOf, tokens, recordCredentials } = this.#deps
    if (!isOnline(agent.agentId)) return undefined
    const list = await listOf(agent)
    if (!list) return undefined
    if (!this.#holds(agent.agentId, list.version)) {
      await recordCredentials(agent, list)
      await link.command(agent, 'devices', await tokens.signDevices(list))
    }
    return list.version
  }
}
