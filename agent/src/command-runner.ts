/**
 * Orders from the server: verified, not expired, written to the journal, run by the driver, reported. One
 * at a time per device, in the order of arrival; files are brought beside that, one at a time per device too. Killed
 * at any line: the journal knows what was begun.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { check } from '@travessia/schemas/check'
import { urgentCommands } from '@travessia/schemas/command-lives'
import { type Command, type CommandOrder, commandOrderSchema } from '@travessia/schemas/commands'
import { compile } from '@travessia/schemas/compile'
import type { AgentDevice } from '@travessia/schemas/devices'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import type { FileFacts } from '@travessia/schemas/print-files'
import type { CommandReport } from '@travessia/schemas/reports'
import { tokenKinds } from '@travessia/schemas/token-claims'
import type { JWK } from 'jose'
import type { Logger } from 'pino'
import type { Clock } from './clock.ts'
import {
  type Ending,
  endingOf,
  endingOfFetch,
  expired,
  overtaken,
  refused,
  stopped,
} from './command-endings.ts'
import type { CommandFiles } from './command-files.ts'
import { ageAtReceipt, commandOf, isOvertakenBy, leftOf } from './command-order.ts'
import { CommandReports, type Say } from './command-reports.ts'
import type { CommandContext, CommandResult, Driver } from './drivers/driver.ts'
import type { Journal } from './journal.ts'
import { createProgress } from './progress.ts'
import { openSigned } from './signed.ts'

const clockSyncMs = 2_000
const notBeforeToleranceMs = 1_000
/** How long a device may take to answer after it was told. */
const answerMs = 10_000
const listedWithinMs = 2_000
const listedPollMs = 20
const repeatedReportsMs = 5 * 60_000
const maxWaiting = 64
/** Of one device, beyond the others. */
const maxWaitingUrgent = 4
/** After a command's own time and `answerMs`. */
const stuckMs = 50_000

const isOrder = compile(commandOrderSchema)

/** By the monotonic clock. */
type Receipt = { readonly at: number; readonly ageMs: number }
/** Tells the device, unless this site forbids it by now. */
type Tell = (file: Pick<CommandContext, 'file'>) => Promise<CommandResult | Ending>

type Deps = {
  readonly agent: { readonly tenantId: string; readonly agentId: string }
  readonly serverKeys: readonly JWK[]
  readonly clock: Pick<Clock, 'now' | 'sync'>
  readonly journal: Journal
  readonly files: Pick<CommandFiles, 'fetch'>
  readonly deviceOf: (deviceId: string) => AgentDevice | undefined
  /** Switched off on site. */
  readonly isPaused: () => boolean
  /** By the rules of this site. */
  readonly forbids: (device: AgentDevice, command: Command) => ErrorCode | undefined
  readonly driverFor: (device: AgentDevice) => Promise<Driver>
  readonly report: Say
  readonly log: Logger
}

export class CommandRunner {
  readonly #deps: Deps
  /** The last piece of work of each device, and of its files; the next one waits for it. */
  readonly #devices = new Map<string, Promise<void>>()
  readonly #waiting = new Map<string, CommandOrder>()
  /** The last urgent order that each device was told: what was ordered before it and has not begun never does. */
  readonly #urgent = new Map<string, CommandOrder>()
  readonly #reports: CommandReports
  readonly #abort = new AbortController()
  #intake: Promise<void> = Promise.resolve()
  #timeAsked = { at: Number.NEGATIVE_INFINITY, answer: Promise.resolve<unknown>(undefined) }
  /** When each command under way must have ended, by the monotonic clock. */
  readonly #due = new Map<string, number>()

  constructor(deps: Deps) {
    this.#deps = deps
    this.#reports = new CommandReports(deps.report)
  }

  /** false: a driver does not come back although its time is long over. */
  get isWorking(): boolean {
    return [...this.#due.values()].every((at) => performance.now() - at < stuckMs)
  }

  /**
   * One order after the other: checking a signature takes its time, and a later order must not overtake.
   * @throws TravessiaError COMMAND_SIGNATURE_INVALID, MESSAGE_INVALID: not an order for this agent, so no report
   */
  async receive(jws: string): Promise<void> {
    const work = this.#intake.then(() => this.#take(jws))
    this.#intake = work.catch(() => undefined)
    return work
  }

  /** At a new connection: what the server may not have heard. */
  resend(): void {
    this.#reports.resend(this.#deps.journal.recentReports(repeatedReportsMs))
  }

  /** Ends what is under way; the journal keeps what becomes of it. */
  async stop(): Promise<void> {
    this.#reports.stop()
    this.#abort.abort()
    await this.#intake
    await Promise.all(this.#devices.values())
  }

  async #take(jws: string): Promise<void> {
    const { agent, journal, serverKeys } = this.#deps
    const order = check(isOrder, await openSigned(jws, tokenKinds.command, serverKeys))
    if (order.agentId !== agent.agentId || order.tenantId !== agent.tenantId)
      throw new TravessiaError('COMMAND_SIGNATURE_INVALID', { problem: 'addressee' })
    const outcome = journal.outcomeOf(order.id)
    if (outcome !== 'new' && outcome) return this.#reports.deliver(outcome)
    if (outcome === undefined || this.#waiting.has(order.id))
      return this.#say(order, { status: 'delivered' })
    if (this.#isFull(order)) return this.#end(order, refused('TUNNEL_BUSY'))
    this.#enqueue(order)
  }

  /** Whatever one device is flooded with, another can be stopped. */
  #isFull({ name, deviceId }: CommandOrder): boolean {
    if (!urgentCommands.has(name)) return this.#waiting.size >= maxWaiting
    const isLike = (one: CommandOrder) => urgentCommands.has(one.name) && one.deviceId === deviceId
    return [...this.#waiting.values()].filter(isLike).length >= maxWaitingUrgent
  }

  #enqueue(order: CommandOrder): void {
    this.#waiting.set(order.id, order)
    const receipt = { at: performance.now(), ageMs: ageAtReceipt(order, this.#deps.clock.now()) }
    this.#say(order, { status: 'delivered' })
    const lane = order.body ? `${order.deviceId} files` : order.deviceId
    const before = this.#devices.get(lane) ?? Promise.resolve()
    const work = (urgentCommands.has(order.name) ? Promise.resolve() : before)
      .then(() => this.#run(order, receipt))
      .catch((error: unknown) => this.#brokeOff(order, error))
      .finally(() => {
        this.#waiting.delete(order.id)
        this.#due.delete(order.id)
      })
    const all = Promise.all([before, work]).then(() => {
      if (this.#devices.get(lane) === all) this.#devices.delete(lane)
    })
    this.#devices.set(lane, all)
  }

  /** Someone who registers a device may use it at once: the list that names it is right behind the order. */
  async #listed(deviceId: string): Promise<AgentDevice | undefined> {
    const until = performance.now() + listedWithinMs
    for (;;) {
      const device = this.#deps.deviceOf(deviceId)
      if (device || performance.now() >= until || this.#abort.signal.aborted) return device
      await sleep(listedPollMs)
    }
  }

  async #run(order: CommandOrder, receipt: Receipt): Promise<void> {
    const { clock, driverFor, forbids, isPaused } = this.#deps
    const device = await this.#listed(order.deviceId)
    if (this.#isOvertaken(order)) return this.#end(order, overtaken)
    if (isPaused()) return this.#end(order, refused('AGENT_PAUSED'))
    if (this.#abort.signal.aborted) return this.#end(order, stopped)
    const command = commandOf(order)
    if (!device) return this.#end(order, refused('AGENT_NOT_READY'))
    if (!command) return this.#end(order, refused('COMMAND_UNSUPPORTED'))
    const forbidden = forbids(device, command)
    if (forbidden) return this.#end(order, refused(forbidden))
    const leftMs = () => {
      const heldMs = receipt.ageMs + performance.now() - receipt.at
      return this.#isOvertaken(order) ? 0 : leftOf(order, command, { now: clock.now(), heldMs })
    }
    const objection = (): Ending | undefined => {
      const now = clock.now()
      if (now === undefined || now < order.notBefore - notBeforeToleranceMs)
        return refused('CLOCK_UNKNOWN')
      return leftMs() > 0 ? undefined : this.#lateOf(order)
    }
    // The node's clock may have been set since it was last asked.
    if (objection()) await this.#askTime(receipt)
    const ending = objection()
    // No clock keeps an emergency stop back of which nobody knows that it is late.
    const isToldAnyhow = urgentCommands.has(order.name) && leftMs() > 0
    if (ending && !isToldAnyhow) return this.#end(order, ending)
    const driver = await driverFor(device)
    const withinMs = Math.ceil(Math.max(0, leftMs()) + answerMs)
    const begun = performance.now()
    this.#due.set(order.id, begun + withinMs)
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(withinMs)])
    const context = { commandId: order.id, startWithinMs: leftMs, signal }
    const tell: Tell = async (file) => {
      // Again: meanwhile the clock was asked, the driver loaded, a file brought.
      const refusal = this.#forbidden(device, command)
      if (refusal) return refused(refusal)
      this.#begin(order)
      if (!order.body) this.#say(order, { status: 'running' })
      return driver.execute(command, { ...context, ...file })
    }
    const result = order.body
      ? await this.#withFile(order, order.body, { signal, tell })
      : await tell({})
    if ('outcome' in result && result.outcome === 'late')
      return this.#end(order, this.#lateOf(order))
    this.#end(order, 'status' in result ? result : endingOf(result, performance.now() - begun))
  }

  /** One question serves all orders that came before it. */
  async #askTime({ at }: Receipt): Promise<void> {
    if (this.#timeAsked.at < at)
      this.#timeAsked = { at: performance.now(), answer: this.#deps.clock.sync(clockSyncMs) }
    await this.#timeAsked.answer
  }

  /** Nothing holds an emergency stop up, not a full disk either: lost is worse than told again after a crash. */
  #begin(order: CommandOrder): void {
    const { journal, log } = this.#deps
    const isUrgent = urgentCommands.has(order.name)
    try {
      journal.started(order.id)
    } catch (error) {
      if (!isUrgent) throw error
      log.error({ err: error, commandId: order.id }, 'start not written')
      journal.startedUnwritten(order.id)
    }
    if (isUrgent) this.#urgent.set(order.deviceId, order)
  }

  #isOvertaken(order: CommandOrder): boolean {
    const urgent = this.#urgent.get(order.deviceId)
    return urgent !== undefined && isOvertakenBy(urgent, order)
  }

  #lateOf(order: CommandOrder): Ending {
    return this.#isOvertaken(order) ? overtaken : expired
  }

  #forbidden(device: AgentDevice, command: Command): ErrorCode | undefined {
    return this.#deps.isPaused() ? 'AGENT_PAUSED' : this.#deps.forbids(device, command)
  }

  /** Nothing is told to the device before all of the file is here as it was signed. */
  async #withFile(
    order: CommandOrder,
    facts: FileFacts,
    { signal, tell }: { readonly signal: AbortSignal; readonly tell: Tell },
  ): Promise<CommandResult | Ending> {
    const { files, journal } = this.#deps
    journal.fetching(order.id)
    this.#say(order, { status: 'running' })
    const onBytes = createProgress(2 * facts.length, (percent) =>
      this.#say(order, { status: 'running', percent }),
    )
    const file = await files.fetch(order.id, facts, { signal, onBytes }).catch(endingOfFetch)
    if ('status' in file) return this.#abort.signal.aborted ? stopped : file
    try {
      return await tell({ file })
    } finally {
      file.remove()
    }
  }

  /** A fault of ours: before the journal's word nothing had begun, after it nobody knows. */
  #brokeOff(order: CommandOrder, error: unknown): void {
    this.#deps.log.error({ err: error, commandId: order.id }, 'command broke off')
    const ending: Ending = this.#deps.journal.isStarted(order.id)
      ? { status: 'unknown', errorCode: 'COMMAND_UNKNOWN', detail: 'INTERNAL' }
      : { status: 'failed', errorCode: 'INTERNAL' }
    this.#end(order, ending)
  }

  #end(order: CommandOrder, ending: Ending): void {
    const report = this.#reportOf(order, ending)
    try {
      this.#deps.journal.ended(report)
    } catch (error) {
      // A full disk: the server still learns it; after a restart the journal says "unknown".
      this.#deps.log.error({ err: error, commandId: order.id }, 'end not written')
    }
    this.#reports.deliver(report)
  }

  #say(order: CommandOrder, ending: Ending): void {
    this.#reports.say(this.#reportOf(order, ending))
  }

  #reportOf({ id }: CommandOrder, ending: Ending): CommandReport {
    return { kind: 'command', commandId: id, at: this.#deps.clock.now() ?? Date.now(), ...ending }
  }
}
