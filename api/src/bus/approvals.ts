/**
 * Commands that wait for a second person: approved, they are issued and sent like any other; rejected or lapsed, they
 * end. Nothing is sent before the approval is durable. The waiting itself is in the log: killed meanwhile, the next
 * start finds it and goes on waiting, or lets it lapse.
 */

import { TravessiaError } from '@travessia/schemas/errors'
import type { Actor, EventContext, Fact, RecordedEvent } from '@travessia/schemas/events'
import type { Logger } from 'pino'
import { type CommandIntent, command as decider } from '../domain/command.ts'
import { handle } from '../domain/decider.ts'
import { eventContext } from '../event-context.ts'
import { mayOperate } from '../plugins/principal.ts'
import { present } from '../present.ts'
import { createRounds } from '../rounds.ts'
import type { EventStore } from '../store/event-store.ts'
import type { CommandRow } from '../views/commands.ts'
import type { Views } from '../views/views.ts'
import {
  type CommandBus,
  digestOf,
  goneOf,
  orderOf,
  refusalOf,
  requireSafety,
} from './command-bus.ts'
import { lifeOf } from './command-life.ts'
import type { Dispatcher } from './dispatcher.ts'

const sweepMs = 1_000

/** Of a second person. */
type Act = { readonly userId: string; readonly actedAt?: number | undefined }

type Deps = {
  readonly store: EventStore
  readonly views: Views
  readonly dispatcher: Pick<Dispatcher, 'add'>
  readonly commands: Pick<CommandBus, 'nextSeq'>
  readonly isOnline: (agentId: string) => boolean
  readonly now: () => number
  readonly log: Logger
}

export class Approvals {
  readonly #deps: Deps
  readonly #rounds = createRounds(
    sweepMs,
    () => this.lapse(),
    (error) => this.#deps.log.error({ err: error }, 'nothing lapsed, trying again'),
  )

  constructor(deps: Deps) {
    this.#deps = deps
  }

  start(): void {
    void this.#rounds.start()
  }

  async stop(): Promise<void> {
    await this.#rounds.stop()
  }

  /**
   * Resolves after CommandIssued is durable; approved once more, nothing happens.
   * @throws TravessiaError APPROVAL_BY_REQUESTER, APPROVAL_LAPSED, APPROVAL_REJECTED, CONFLICT, COMMAND_EXPIRED (the yes came
   *   late), NOT_FOUND (the device is gone), COMMAND_UNSUPPORTED; AGENT_OFFLINE, AGENT_MISSING, APPROVAL_REQUESTER_DENIED, APPROVAL_CHANGED: recorded as refused
   */
  async approve(row: CommandRow, { userId, actedAt }: Act): Promise<void> {
    const { store, dispatcher, commands, now } = this.#deps
    const { tenantId, id: commandId, deviceId, installationId } = row
    const held = heldOf(await store.readStream(tenantId, commandId))
    const agentId = this.#deps.views.agents.current(tenantId, installationId)?.agentId
    const { requestedBy, lapsesAt: _, expiresInMs, wouldDo, ...order } = held
    const refusal = await this.#refusalOf(row, { agentId, wouldDo })
    const at = now()
    const life = lifeOf({ command: held.command, actedAt, now: at, expiresInMs })
    // The second person may try again: it goes on waiting.
    if (life.isOver) throw new TravessiaError('COMMAND_EXPIRED', { commandId })
    const issued: Fact<'CommandIssued'>['data'] = {
      ...{ ...order, seq: await commands.nextSeq(tenantId, deviceId) },
      expiresAt: life.expiresAt,
    }
    const sent = { ...row, agentId: agentId ?? row.agentId }
    const approver = contextOf(sent, { type: 'user', id: userId }, at)
    const requester = contextOf(sent, { type: 'user', id: requestedBy }, at)
    const { facts, position } = await this.#decide(
      row,
      { type: 'ApproveCommand', userId, now: at, issued, ...present({ refusal }) },
      ({ type }) => (type === 'CommandIssued' ? requester : approver),
    )
    const isNew = facts.length > 0
    if (isNew && !refusal) dispatcher.add(orderOf(issued, requester, { tenantId, commandId }))
    await this.#deps.views.until(position)
    if (isNew && refusal) throw new TravessiaError(refusal, { commandId })
  }

  /** Resolves when it is durable. @throws TravessiaError APPROVAL_LAPSED, CONFLICT: it was approved */
  async reject(row: CommandRow, { userId }: Act): Promise<void> {
    const at = this.#deps.now()
    const context = contextOf(row, { type: 'user', id: userId }, at)
    const { position } = await this.#decide(row, { type: 'RejectCommand', now: at }, () => context)
    await this.#deps.views.until(position)
  }

  /** Ends what nobody decided in time, each by itself: in a damaged log nothing ends. */
  async lapse(): Promise<void> {
    const { views, now, log } = this.#deps
    const at = now()
    for (const row of await views.commands.awaiting()) {
      if (Date.parse(row.issued.expiresAt) > at) continue
      const { tenantId, id: commandId } = row
      await this.#lapse(row, at).catch((error: unknown) =>
        log.error({ err: error, tenantId, commandId }, 'command not lapsed, trying again'),
      )
    }
  }

  async #lapse(row: CommandRow, at: number): Promise<void> {
    const context = contextOf(row, { type: 'system', id: 'approvals' }, at)
    const { position } = await this.#decide(row, { type: 'LapseCommand', now: at }, () => context)
    await this.#deps.views.until(position)
  }

  /** Why it may not be sent now: as at the request, or it has changed, or whoever asked may not any more. */
  async #refusalOf(
    { tenantId, userId, deviceId, installationId, issued }: CommandRow,
    { agentId, wouldDo }: { agentId: string | undefined; wouldDo: string | undefined },
  ) {
    const { views, isOnline, now } = this.#deps
    const device = views.devices.get(tenantId, deviceId)
    if (!device) throw new TravessiaError('NOT_FOUND')
    requireSafety({ device, command: issued.command, args: issued.args })
    // A node before this one has held it without.
    if (wouldDo !== undefined && wouldDo !== digestOf(device, issued.args))
      return 'APPROVAL_CHANGED'
    const file = await this.#deps.views.files.get(tenantId, String(issued.args['file']))
    const member = await views.members.get(userId, tenantId)
    if (!member || !mayOperate(member, installationId)) return 'APPROVAL_REQUESTER_DENIED'
    return refusalOf(agentId, isOnline) ?? (issued.body && goneOf(file, now()))
  }

  #decide(
    { tenantId, id }: CommandRow,
    intent: CommandIntent,
    contextFor: (fact: { readonly type: string }) => EventContext,
  ) {
    const stream = { tenantId, streamKind: 'command', streamId: id } as const
    return handle(this.#deps.store, decider, stream, intent, contextFor)
  }
}

function contextOf(row: CommandRow, actor: Actor, at: number): EventContext {
  return eventContext(actor, at, { ...row, commandId: row.id })
}

/** @throws TravessiaError CONFLICT: it never waited */
function heldOf([first]: readonly RecordedEvent[]): Fact<'CommandHeld'>['data'] {
  if (first?.type !== 'CommandHeld') throw new TravessiaError('CONFLICT')
  return first.data
}
