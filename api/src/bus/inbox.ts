/**
 * What agents say and what the broker sees of them, checked and turned into intents. One agent's messages
 * are worked off in order; a report that no decider accepts leaves nothing but a log line.
 */
import { checkJson, type Validator } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import { stateReportSchema } from '@travessia/schemas/device-state'
import {
  type Ack,
  ackSchema,
  type Heartbeat,
  heartbeatSchema,
  type Presence,
  stoppedPayload,
  willPayload,
} from '@travessia/schemas/reports'
import type { AgentAddress } from '@travessia/schemas/topics'
import type { Logger } from 'pino'
import type { Witnesses } from '../audit/witnesses.ts'
import type { TunnelClient } from '../gateway/tunnel-client.ts'
import type { LinkHandlers } from '../link/link.ts'
import { asKeepable } from '../store/keepable-text.ts'
import type { AgentPresence } from './agent-presence.ts'
import type { DeviceLists } from './device-lists.ts'
import type { DeviceStates } from './device-states.ts'
import type { Discoveries } from './discoveries.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Passages } from './passages.ts'
import type { Recorder } from './recorder.ts'

const isAck = compile(ackSchema)
const isStateReport = compile(stateReportSchema)
const isHeartbeat = compile(heartbeatSchema)

/** Without a word for so long an agent counts as gone, whatever its broker says (two heartbeats and a half). */
export const silentMs = 75_000

type Deps = {
  readonly presence: AgentPresence
  readonly tunnel: Pick<TunnelClient, 'onFrame' | 'hello' | 'lost'>
  readonly deviceLists: Pick<DeviceLists, 'confirmed' | 'connected'>
  readonly dispatcher: Pick<Dispatcher, 'connected' | 'noted'>
  readonly discoveries: Pick<Discoveries, 'reported'>
  readonly deviceStates: Pick<DeviceStates, 'report'>
  readonly witnesses: Pick<Witnesses, 'connected' | 'reported'>
  readonly passages: Pick<Passages, 'report'>
  readonly recorder: Pick<Recorder, 'agentIntent' | 'commandReport'>
  readonly now: () => number
  readonly log: Logger
}

const maxWaiting = 1_000
type Queue = { readonly last: Promise<void>; readonly waiting: number; readonly isTold: boolean }
const nothing: Queue = { last: Promise.resolve(), waiting: 0, isTold: false }

export class Inbox implements LinkHandlers {
  readonly #deps: Deps
  /** Last piece of work of each agent, for which the next one waits, and how many have not ended. */
  readonly #queues = new Map<string, Queue>()
  #sweep: NodeJS.Timeout | undefined

  constructor(deps: Deps) {
    this.#deps = deps
  }

  start(): void {
    this.#sweep = setInterval(() => this.#dropSilent(), silentMs / 5)
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweep)
    await Promise.allSettled([...this.#queues.values()].map(({ last }) => last))
  }

  frame(agent: AgentAddress, frame: Uint8Array): void {
    this.#deps.tunnel.onFrame(agent, frame)
  }

  report(agent: AgentAddress, channel: 'ack' | 'status', text: string): void {
    if (this.#isFlood(agent)) return
    this.#inOrder(agent, async () => {
      if (channel === 'ack') await this.#ack(agent, told(isAck, text))
      else if (text === willPayload) await this.#disconnected(agent)
      else if (text === stoppedPayload) await this.#disconnected(agent, 'stopped')
      else await this.#heartbeat(agent, told(isHeartbeat, text))
    })
  }

  sample(agent: AgentAddress, kind: string, text: string): void {
    if (kind !== 'state' || this.#isFlood(agent)) return
    this.#inOrder(agent, () => this.#deps.deviceStates.report(agent, told(isStateReport, text)))
  }

  presence(agent: AgentAddress, { connection, connected, address }: Presence): void {
    const { tunnel, presence } = this.#deps
    if (connection === 'data') {
      if (connected) tunnel.hello(agent)
      else tunnel.lost(agent)
    } else if (connected) {
      presence.update(agent, { address })
    } else {
      this.#inOrder(agent, () => this.#disconnected(agent))
    }
  }

  async #heartbeat(agent: AgentAddress, heartbeat: Heartbeat): Promise<void> {
    const { presence, deviceLists, dispatcher, witnesses, tunnel, now } = this.#deps
    // An agent that was gone has no tunnel any more, though its data connection may be the same. At once: a new one may come
    // while the fact is written.
    if (heartbeat.dataEpoch === '') tunnel.lost(agent)
    const before = presence.of(agent.agentId)
    if (!before.isOnline) {
      const { version, bootId, host } = heartbeat
      const connected = { version, bootId, hostname: host.hostname, ip: before.address ?? '' }
      if (!(await this.#deps.recorder.agentIntent(agent, { type: 'ConnectAgent', connected })))
        return
    }
    presence.update(agent, { lastHeartbeatAt: now(), heartbeat, isOnline: true })
    const isNamed = heartbeat.dataEpoch !== ''
    if (isNamed && (!before.isOnline || heartbeat.dataEpoch !== before.heartbeat?.dataEpoch))
      tunnel.hello(agent, heartbeat.dataEpoch)
    deviceLists.confirmed(agent, heartbeat.devicesVersion)
    if (heartbeat.pausedUntil !== before.heartbeat?.pausedUntil) await this.#pause(agent, heartbeat)
    if (!before.isOnline) {
      deviceLists.connected(agent)
      dispatcher.connected(agent.agentId)
      witnesses.connected(agent)
    }
  }

  async #pause(agent: AgentAddress, { pausedUntil }: Heartbeat): Promise<void> {
    const until = pausedUntil == null ? {} : { until: new Date(pausedUntil).toISOString() }
    const paused = pausedUntil === undefined ? undefined : until
    await this.#deps.recorder.agentIntent(agent, { type: 'ReportPause', paused })
  }

  async #disconnected(
    agent: AgentAddress,
    reason: 'connection-lost' | 'stopped' = 'connection-lost',
  ): Promise<void> {
    const { presence, tunnel } = this.#deps
    tunnel.lost(agent)
    if (!presence.of(agent.agentId).isOnline) return
    presence.update(agent, { isOnline: false })
    await this.#deps.recorder.agentIntent(agent, { type: 'DisconnectAgent', reason })
  }

  async #ack(agent: AgentAddress, ack: Ack): Promise<void> {
    if (ack.kind === 'devices') return this.#deps.deviceLists.confirmed(agent, ack.version)
    if (ack.kind === 'passages') return this.#deps.passages.report(agent, ack)
    if (ack.kind === 'checkpoint') return this.#deps.witnesses.reported(agent, ack)
    if (ack.kind === 'discovery') return this.#deps.discoveries.reported(agent, ack)
    const status = await this.#deps.recorder.commandReport(agent, ack)
    if (status) this.#deps.dispatcher.noted(ack.commandId, status)
  }

  #dropSilent(): void {
    const { presence, now } = this.#deps
    for (const agent of presence.online()) {
      const { lastHeartbeatAt = 0 } = presence.of(agent.agentId)
      if (now() - lastHeartbeatAt > silentMs) this.#inOrder(agent, () => this.#disconnected(agent))
    }
  }

  /** An agent that says more than can be written down. What it says is dropped, not that it is gone. */
  #isFlood(agent: AgentAddress): boolean {
    const queue = this.#queues.get(agent.agentId) ?? nothing
    if (queue.waiting < maxWaiting) return false
    if (!queue.isTold) this.#deps.log.warn(agent, 'too many reports at once, dropped')
    this.#queues.set(agent.agentId, { ...queue, isTold: true })
    return true
  }

  #inOrder(agent: AgentAddress, work: () => Promise<void>): void {
    const before = this.#queues.get(agent.agentId) ?? nothing
    const after = before.last.then(work).catch((error: unknown) => {
      this.#deps.log.warn({ err: error, ...agent }, 'report refused')
    })
    this.#queues.set(agent.agentId, { ...before, last: after, waiting: before.waiting + 1 })
    void after.finally(() => {
      const queue = this.#queues.get(agent.agentId) ?? nothing
      if (queue.last === after) this.#queues.delete(agent.agentId)
      else this.#queues.set(agent.agentId, { ...queue, waiting: queue.waiting - 1 })
    })
  }
}

/** @throws TravessiaError MESSAGE_INVALID */
function told<T>(isKind: Validator<T>, text: string): T {
  return checkJson(isKind, text, text.includes('\\u') ? asKeepable : undefined)
}
