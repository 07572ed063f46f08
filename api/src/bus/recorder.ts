/** What agents and silence mean, put through the deciders: the bus's way into the log. */
import type { CommandOrder, CommandStatus } from '@travessia/schemas/commands'
import { TravessiaError } from '@travessia/schemas/errors'
import type { Actor, RecordedEvent } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import type { Passage } from '@travessia/schemas/passages'
import type { CommandReport } from '@travessia/schemas/reports'
import type { AgentAddress } from '@travessia/schemas/topics'
import { type AgentIntent, agent as agentDecider } from '../domain/agent.ts'
import { type CommandIntent, command as commandDecider, type Silence } from '../domain/command.ts'
import { handle } from '../domain/decider.ts'
import { device as deviceDecider, type Reported } from '../domain/device.ts'
import { passage as passageDecider, passageIdOf } from '../domain/passage.ts'
import { eventContext } from '../event-context.ts'
import type { EventStore } from '../store/event-store.ts'
import type { DeviceRow } from '../views/devices.ts'
import type { Views } from '../views/views.ts'

type Deps = { readonly store: EventStore; readonly views: Views; readonly now: () => number }

export class Recorder {
  readonly #deps: Deps
  /** Per device: to whom which of its credentials went, as far as this process recorded it. */
  readonly #delivered = new Map<string, string>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** @returns false: no such agent (any more) */
  async agentIntent(
    { tenantId, agentId }: AgentAddress,
    intent: AgentIntent,
    correlationId = newId(),
  ): Promise<boolean> {
    const { store, views, now } = this.#deps
    const row = await views.agents.get(tenantId, agentId)
    if (!row) return false
    const { position } = await handle(
      store,
      agentDecider,
      { tenantId, streamKind: 'agent', streamId: agentId },
      intent,
      eventContext({ type: 'agent', id: agentId }, now(), {
        ...{ installationId: row.installationId, agentId, correlationId },
      }),
    )
    await views.until(position)
    return true
  }

  /** @returns the command's status now; undefined: it is not a command of this agent */
  async commandReport(
    { tenantId, agentId }: AgentAddress,
    report: CommandReport,
  ): Promise<CommandStatus | undefined> {
    const issued = await this.#issued(tenantId, report.commandId)
    if (issued?.agentId !== agentId) return undefined
    return this.#command(issued, { type: 'ReportCommand', report }, { type: 'agent', id: agentId })
  }

  async deviceState(device: DeviceRow, agentId: string, reported: Reported): Promise<void> {
    const { tenantId, id: deviceId, installationId } = device
    await handle(
      this.#deps.store,
      deviceDecider,
      { tenantId, streamKind: 'device', streamId: deviceId },
      { type: 'ReportState', reported },
      eventContext({ type: 'agent', id: agentId }, this.#deps.now(), {
        ...{ installationId, deviceId, agentId },
      }),
    )
  }

  /** Of credentials that are about to go to an agent. @throws TravessiaError NOT_FOUND, STORE_UNAVAILABLE: they must not go */
  async credentialsDelivered(
    { tenantId, agentId }: AgentAddress,
    deviceId: string,
    credentialsVersion: number,
  ): Promise<void> {
    const known = `${agentId} ${credentialsVersion}`
    if (this.#delivered.get(deviceId) === known) return
    const { store, views, now } = this.#deps
    const agent = await views.agents.get(tenantId, agentId)
    if (!agent) throw new TravessiaError('NOT_FOUND', { agentId })
    const { installationId } = agent
    await handle(
      store,
      deviceDecider,
      { tenantId, streamKind: 'device', streamId: deviceId },
      { type: 'DeliverCredentials', delivered: { agentId, credentialsVersion } },
      eventContext({ type: 'system', id: 'device-lists' }, now(), {
        ...{ installationId, deviceId, agentId },
      }),
    )
    this.#delivered.set(deviceId, known)
  }

  /** One that is known already changes nothing. */
  async passage(device: DeviceRow, agentId: string, told: Passage): Promise<void> {
    const { tenantId, id: deviceId, installationId } = device
    const released = await this.#releaseOf({ tenantId, agentId }, deviceId, told)
    await handle(
      this.#deps.store,
      passageDecider,
      { tenantId, streamKind: 'passage', streamId: passageIdOf(tenantId, deviceId, told.key) },
      { type: 'ReportPassage', passage: told },
      eventContext({ type: 'agent', id: agentId }, this.#deps.now(), {
        ...{ installationId, deviceId, agentId, ...released },
      }),
    )
  }

  /** The command that let somebody through, if it is one: of this device, by this agent. */
  async #releaseOf({ tenantId, agentId }: AgentAddress, deviceId: string, told: Passage) {
    if (!('commandId' in told) || told.commandId === undefined) return {}
    const { commandId } = told
    const issued = await this.#issued(tenantId, commandId)
    const isRelease =
      issued?.type === 'CommandIssued' &&
      issued.data.command === 'OpenGate' &&
      issued.agentId === agentId &&
      issued.deviceId === deviceId
    return isRelease ? { commandId, correlationId: issued.correlationId } : {}
  }

  /** Nothing was heard of the command in time. */
  async giveUp({ tenantId, id }: CommandOrder, silence: Silence): Promise<void> {
    const issued = await this.#issued(tenantId, id)
    if (!issued) return
    const intent = { type: 'GiveUpCommand', ...silence } as const
    await this.#command(issued, intent, { type: 'system', id: 'dispatcher' })
  }

  /** Not always the first: a second person may have been needed. */
  async #issued(tenantId: string, commandId: string): Promise<RecordedEvent | undefined> {
    const events = await this.#deps.store.readStream(tenantId, commandId)
    return events.find(({ type }) => type === 'CommandIssued')
  }

  async #command(
    issued: RecordedEvent,
    intent: CommandIntent,
    actor: Actor,
  ): Promise<CommandStatus | undefined> {
    const { tenantId, streamId: commandId } = issued
    const { state } = await handle(
      this.#deps.store,
      commandDecider,
      { tenantId, streamKind: 'command', streamId: commandId },
      intent,
      eventContext(actor, this.#deps.now(), { ...issued, commandId }),
    )
    return state.status === 'none' ? undefined : state.status
  }
}
