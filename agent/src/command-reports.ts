/** What the server hears of commands. An end is kept until the broker has taken it, and said again at the next connection. */
import type { CommandReport } from '@travessia/schemas/reports'

const maxUnsaid = 1_000
/** Far below what the broker takes of a control connection in a second (`packetsPerSecond`), which it would end. */
const saidAgainAtOnce = 20
const saidAgainPauseMs = 100

/** false: the broker has not taken it. */
export type Say = (report: CommandReport) => Promise<boolean>

export class CommandReports {
  readonly #send: Say
  readonly #unsaid = new Map<string, CommandReport>()
  #sayingAgain: NodeJS.Timeout | undefined

  constructor(send: Say) {
    this.#send = send
  }

  /** How far a command has come: lost with its connection. */
  say(report: CommandReport): void {
    this.#send(report).catch(() => undefined)
  }

  /** How it ended. */
  deliver(report: CommandReport): void {
    const { commandId } = report
    this.#unsaid.set(commandId, report)
    const [oldest] = this.#unsaid.keys()
    if (oldest !== undefined && this.#unsaid.size > maxUnsaid) this.#unsaid.delete(oldest)
    this.#send(report).then(
      (isTaken) => isTaken && this.#unsaid.delete(commandId),
      () => undefined,
    )
  }

  /** What was not taken, and what was and may have been lost: the newest first, a few at a time. */
  resend(recent: readonly CommandReport[]): void {
    const all = [...this.#unsaid.values(), ...recent]
    const reports = new Map(all.map((report) => [report.commandId, report]))
    this.#sayAgain([...reports.values()].toReversed())
  }

  stop(): void {
    clearTimeout(this.#sayingAgain)
  }

  #sayAgain(reports: readonly CommandReport[]): void {
    clearTimeout(this.#sayingAgain)
    for (const report of reports.slice(0, saidAgainAtOnce)) this.deliver(report)
    const rest = reports.slice(saidAgainAtOnce)
    if (rest.length > 0)
      this.#sayingAgain = setTimeout(() => this.#sayAgain(rest), saidAgainPauseMs)
  }
}
