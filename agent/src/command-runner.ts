/**
 * Orders from the server: verified, not expired, written to the journal, run by the driver, reported. One
 * at a time per device, in the order of arrival; files are brought beside that, one at a time per device too. Killed
 * at any line: the journal knows what was begun.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { check } from '@travessia/schemas/check'
import { urgentCommands } from '@travessia/schemas/command-lives'
import {
  type Command,
  type CommandOrder,
  commandCatalog,
  commandOrderSchema,
} from '@travessia/schemas/commands'
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
import { budgetOf, commandOf } from './command-order.ts'
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
const maxUnsaid = 1_000
/** Far below what the broker takes of a control connection in a second (`packetsPerSecond`), which it would end. */
const saidAgainAtOnce = 20
const saidAgainPauseMs = 100
/** After a command's own time and `answerMs`. */
const stuckMs = 50_000

const isOrder = compile(commandOrderSchema)

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
  /** false: the broker has not taken it; said again at the next connection. */
  readonly report: (report: CommandReport) => Promise<boolean>
  readonly log: Logger
}

export class CommandRunner {
  readonly #deps: Deps
  /** The last piece of work of each device, and of its files; the next one waits for it. */
  readonly #devices = new Map<string, Promise<void>>()
  readonly #waiting = new Set<string>()
  /** The last urgent order of each device: what was ordered before it and has not begun never does. */
  readonly #urgent = new Map<string, CommandOrder>()
  /** Ends that the broker has not taken yet. */
  readonly #unsaid = new Map<string, CommandReport>()
  #sayingAgain: NodeJS.Timeout | undefined
  readonly #abort = new AbortController()
  #intake: Promise<void> = Promise.resolve()
  /** When each command under way must have ended, by the monotonic clock. */
  readonly #due = new Map<string, number>()

  constructor(deps: Deps) {
    this.#deps = deps
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

  /** At a new connection: what the server may not have heard, the newest first, a few at a time. */
  resend(): void {
    const recent = this.#deps.journal.recentReports(repeatedReportsMs)
    const all = [...this.#unsaid.values(), ...recent]
    const reports = new Map(all.map((report) => [report.commandId, report]))
    this.#sayAgain([...reports.values()].toReversed())
  }

  #sayAgain(reports: readonly CommandReport[]): void {
    clearTimeout(this.#sayingAgain)
    for (const report of reports.slice(0, saidAgainAtOnce)) this.#deliver(report)
    const rest = reports.slice(saidAgainAtOnce)
    if (rest.length > 0)
      this.#sayingAgain = setTimeout(() => this.#sayAgain(rest), saidAgainPauseMs)
  }

  /** Ends what is under way; the journal keeps what becomes of it. */
  async stop(): Promise<void> {
    clearTimeout(this.#sayingAgain)
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
    if (outcome !== 'new' && outcome) return this.#deliver(outcome)
    if (outcome === undefined || this.#waiting.has(order.id))
      return this.#say(order, { status: 'delivered' })
    if (this.#waiting.size >= maxWaiting) return this.#end(order, refused('TUNNEL_BUSY'))
    this.#enqueue(order)
  }

  #enqueue(order: CommandOrder): void {
    this.#waiting.add(order.id)
    const budget = budgetOf(order)
    this.#say(order, { status: 'delivered' })
    if (urgentCommands.has(order.name)) this.#urgent.set(order.deviceId, order)
    const lane = order.body ? `${order.deviceId} files` : order.deviceId
    const before = this.#devices.get(lane) ?? Promise.resolve()
    const work = (urgentCommands.has(order.name) ? Promise.resolve() : before)
      .then(() => this.#run(order, budget))
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

  async #run(order: CommandOrder, budgetMs: () => number): Promise<void> {
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
    const now = clock.now() ?? (await clock.sync(clockSyncMs))
    if (now === undefined) return this.#end(order, refused('CLOCK_UNKNOWN'))
    // Issued in the future, or for longer than its kind lives: a clock is wrong, and so would be its expiry.
    if (
      now < order.notBefore - notBeforeToleranceMs ||
      order.expiresAt - order.notBefore > commandCatalog[command.name].expiresInMs
    )
      return this.#end(order, refused('CLOCK_UNKNOWN'))
    const leftMs = () =>
      this.#isOvertaken(order)
        ? 0
        : Math.min(budgetMs(), order.expiresAt - (clock.now() ?? Number.POSITIVE_INFINITY))
    if (leftMs() <= 0) return this.#end(order, this.#lateOf(order))
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
      this.#deps.journal.started(order.id)
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

  /** By an urgent order; a file neither moves nor heats anything. */
  #isOvertaken({ deviceId, name, seq, notBefore, body }: CommandOrder): boolean {
    const urgent = this.#urgent.get(deviceId)
    if (!urgent || body !== undefined || urgentCommands.has(name)) return false
    return seq < urgent.seq && notBefore <= urgent.notBefore
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
    this.#deliver(report)
  }

  #deliver(report: CommandReport): void {
    const { commandId } = report
    this.#unsaid.set(commandId, report)
    const [oldest] = this.#unsaid.keys()
    if (oldest !== undefined && this.#unsaid.size > maxUnsaid) this.#unsaid.delete(oldest)
    this.#deps.report(report).then(
      (isTaken) => isTaken && this.#unsaid.delete(commandId),
      () => undefined,
    )
  }

  #say(order: CommandOrder, ending: Ending): void {
    this.#deps.report(this.#reportOf(order, ending)).catch(() => undefined)
  }

  #reportOf({ id }: CommandOrder, ending: Ending): CommandReport {
    return { kind: 'command', commandId: id, at: this.#deps.clock.now() ?? Date.now(), ...ending }
  }
}
