/**
 * Reaction to CommandIssued: publishes the signed order while the agent is connected, again each second until it is
 * acknowledged or expired, and ends a command of which nothing was heard. A device's commands leave in their order:
 * the next one when the one before has arrived or can no longer. It sends; what silence means is decided in
 * `domain/command.ts`. The log is the outbox: after a crash the open commands come from the view and count as handed
 * over, since they may have been.
 */
import { urgentCommands } from '@travessia/schemas/command-lives'
import { type CommandOrder, type CommandStatus, isTerminal } from '@travessia/schemas/commands'
import type { Logger } from 'pino'
import { outcomeGraceMs } from '../domain/command.ts'
import type { Tokens } from '../identity/tokens.ts'
import type { Link } from '../link/link.ts'
import type { Recorder } from './recorder.ts'

const resendMs = 1_000

/** A command without a terminal fact. Times in ms since 1970. */
export type Outstanding = {
  readonly order: CommandOrder
  readonly status: CommandStatus
  /** It was published to a live connection at least once. */
  readonly handedOver: boolean
  readonly sendAt: number
}

/** `addedAt` by the monotonic clock. */
type TakenUp = Outstanding & { readonly addedAt: number }

type Step =
  | { readonly kind: 'send' }
  | { readonly kind: 'give-up' }
  | { readonly kind: 'wait'; readonly until: number }

/** From when on a command may leave, if none of those before it arrives earlier. */
export function turnOf({ order }: Outstanding, all: Iterable<Outstanding>): number {
  if (urgentCommands.has(order.name)) return 0
  const before = [...all].filter(
    (other) =>
      other.order.deviceId === order.deviceId &&
      other.order.seq < order.seq &&
      // A file is brought beside what else happens, and lives far longer.
      other.order.body === undefined &&
      other.status === 'issued',
  )
  return Math.max(0, ...before.map((other) => other.order.expiresAt))
}

/** What to do with a command now. */
export function nextStep(
  command: Outstanding,
  { now, isOnline, turnAt }: { now: number; isOnline: boolean; turnAt: number },
): Step {
  const { status, order } = command
  if (now < order.expiresAt) {
    const isSending = status === 'issued' && isOnline
    const sendAt = Math.max(command.sendAt, turnAt)
    if (isSending && now >= sendAt) return { kind: 'send' }
    return { kind: 'wait', until: isSending ? Math.min(sendAt, order.expiresAt) : order.expiresAt }
  }
  const mayRun = command.handedOver || status !== 'issued'
  const end = order.expiresAt + (mayRun ? outcomeGraceMs : 0)
  return now >= end ? { kind: 'give-up' } : { kind: 'wait', until: end }
}

type Deps = {
  readonly link: Pick<Link, 'command'>
  readonly tokens: Pick<Tokens, 'signOrder'>
  /** What silence means. */
  readonly recorder: Pick<Recorder, 'giveUp'>
  readonly isOnline: (agentId: string) => boolean
  readonly now: () => number
  readonly log: Logger
}

export class Dispatcher {
  readonly #deps: Deps
  readonly #commands = new Map<string, TakenUp>()
  readonly #timers = new Map<string, NodeJS.Timeout>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Takes up a command whose CommandIssued is durable. */
  add(
    order: CommandOrder,
    known: Pick<Outstanding, 'status' | 'handedOver'> = { status: 'issued', handedOver: false },
  ): void {
    this.#commands.set(order.id, { order, ...known, sendAt: 0, addedAt: performance.now() })
    this.#wake(order.id, 0)
  }

  /** A fact about the command was recorded. */
  noted(commandId: string, status: CommandStatus): void {
    const noted = this.#commands.get(commandId)
    if (isTerminal(status)) this.#forget(commandId)
    else this.#change(commandId, { status })
    if (noted?.status !== 'issued') return
    for (const [id, { order, status: state }] of this.#commands)
      if (order.deviceId === noted.order.deviceId && state === 'issued') this.#wake(id, 0)
  }

  /** The agent's control connection is there: send at once. */
  connected(agentId: string): void {
    for (const [id, { order }] of this.#commands) {
      if (order.agentId !== agentId) continue
      this.#change(id, { sendAt: 0 })
      this.#wake(id, 0)
    }
  }

  stop(): void {
    for (const id of [...this.#commands.keys()]) this.#forget(id)
  }

  async #advance(id: string): Promise<void> {
    const command = this.#commands.get(id)
    if (!command) return
    const { isOnline, link, tokens, recorder, log } = this.#deps
    const { order, handedOver } = command
    const now = this.#timeOf(command)
    const step = nextStep(command, {
      now,
      isOnline: isOnline(order.agentId),
      turnAt: turnOf(command, this.#commands.values()),
    })
    switch (step.kind) {
      case 'wait':
        return this.#wake(id, step.until - now)
      case 'send':
        this.#change(id, { handedOver: true, sendAt: now + resendMs })
        await link.command(order, 'command', await tokens.signOrder(order))
        return this.#wake(id, 0)
      case 'give-up':
        log.warn({ commandId: id, tenantId: order.tenantId }, 'no outcome in time')
        await recorder.giveUp(order, { now, handedOver })
        return this.#forget(id)
    }
  }

  /** A clock that is set back makes no order live longer: the monotonic one goes on. */
  #timeOf({ order, addedAt }: TakenUp): number {
    return Math.max(this.#deps.now(), order.notBefore + performance.now() - addedAt)
  }

  #wake(id: string, inMs: number): void {
    if (!this.#commands.has(id)) return
    clearTimeout(this.#timers.get(id))
    const timer = setTimeout(() => {
      this.#advance(id).catch((error) => {
        this.#deps.log.error({ err: error, commandId: id }, 'command step failed, trying again')
        this.#wake(id, resendMs)
      })
    }, inMs)
    this.#timers.set(id, timer)
  }

  #change(id: string, change: Partial<Outstanding>): void {
    const command = this.#commands.get(id)
    if (command) this.#commands.set(id, { ...command, ...change })
  }

  #forget(id: string): void {
    this.#commands.delete(id)
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
  }
}
