/**
 * What this agent has begun and how it ended, one JSON line each, fsynced before the device is touched.
 * Killed between `started` and `ended`: the next start finds the command begun without an end
 * and reports it as unknown; it is never run again. Killed while a command's file was on its way (`fetching`): failed,
 * since its device was not told. A half-written last line was not durable, so its device
 * was not touched: it is dropped.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import type { CommandReport } from '@travessia/schemas/reports'
import { replaceFile } from './durable-file.ts'

/**
 * So many commands are remembered, the last ones: by their number and not by their age, since a clock that was set
 * forwards once would make everything before it old. Far beyond what can run within the expiry of one order.
 */
const keepCommands = 5_000
/** The file is written anew, without what is forgotten, after so many lines. */
const compactAfterLines = 2 * keepCommands

type Line = { readonly at: number } & (
  | { readonly fetching: string }
  | { readonly started: string }
  | { readonly ended: CommandReport }
)
/** `report` undefined: begun, no end yet. */
type Entry = {
  readonly at: number
  readonly report: CommandReport | undefined
  /** The device may have been told. */
  readonly isStarted: boolean
}

export class Journal {
  readonly #entries = new Map<string, Entry>()
  readonly #path: string
  readonly #now: () => number
  #file: number
  #lines = 0

  constructor(path: string, now: () => number = Date.now) {
    this.#path = path
    this.#now = now
    for (const line of readLines(path)) this.#remember(line)
    this.#file = this.#rewrite()
    for (const [id, { report, isStarted }] of this.#entries)
      if (!report) this.ended(isStarted ? lost(id, now()) : untold(id, now()))
  }

  /** 'new': never begun; undefined: begun and under way; else how it ended. */
  outcomeOf(commandId: string): CommandReport | 'new' | undefined {
    const entry = this.#entries.get(commandId)
    return entry ? entry.report : 'new'
  }

  /** Whether the device may have been told. */
  isStarted(commandId: string): boolean {
    return this.#entries.get(commandId)?.isStarted ?? false
  }

  /** Its file is on its way; the device is told nothing before `started`. Durable when it returns. */
  fetching(commandId: string): void {
    this.#write({ at: this.#now(), fetching: commandId })
  }

  /** Durable when it returns. */
  started(commandId: string): void {
    this.#write({ at: this.#now(), started: commandId })
  }

  /** Known until a crash only: of what is told to the device although `started` threw. */
  startedUnwritten(commandId: string): void {
    this.#remember({ at: this.#now(), started: commandId })
  }

  /** Durable when it returns; known until a crash also when it throws. */
  ended(report: CommandReport): void {
    const line = { at: this.#now(), ended: report }
    this.#remember(line)
    this.#write(line)
  }

  /** Ends of the last `withinMs`: said again at a new connection, since the last word may have been lost. */
  recentReports(withinMs: number): CommandReport[] {
    const since = this.#now() - withinMs
    return [...this.#entries.values()].flatMap(({ at, report }) =>
      report && at >= since ? [report] : [],
    )
  }

  close(): void {
    closeSync(this.#file)
  }

  /** @returns the new file, open at its end */
  #rewrite(): number {
    for (const id of [...this.#entries.keys()].slice(0, -keepCommands)) this.#entries.delete(id)
    const kept = [...this.#entries].flatMap(([id, entry]) => linesOf(id, entry))
    replaceFile(this.#path, kept.map((line) => `${JSON.stringify(line)}\n`).join(''))
    const file = openSync(this.#path, 'a', 0o600)
    this.#lines = kept.length
    return file
  }

  /** On a full disk it throws, and nothing more is written until it can be done. */
  #compact(): void {
    const old = this.#file
    this.#file = this.#rewrite()
    closeSync(old)
  }

  /** All of it or an error. A new line first: what a full disk cut short must not swallow the next line. */
  #write(line: Line): void {
    if (this.#lines >= compactAfterLines) this.#compact()
    // Not `writeSync`, which may write a part without an error.
    writeFileSync(this.#file, `\n${JSON.stringify(line)}\n`)
    fsyncSync(this.#file)
    this.#lines += 1
    this.#remember(line)
  }

  #remember(line: Line): void {
    const { at } = line
    if ('ended' in line) {
      const { commandId } = line.ended
      const isStarted = this.isStarted(commandId)
      this.#entries.set(commandId, { at, report: line.ended, isStarted })
    } else {
      const isStarted = 'started' in line
      const id = isStarted ? line.started : line.fetching
      this.#entries.set(id, { at, report: undefined, isStarted })
    }
  }
}

function lost(commandId: string, at: number): CommandReport {
  return {
    ...{ kind: 'command', commandId, status: 'unknown', at, errorCode: 'COMMAND_UNKNOWN' },
    detail: 'AGENT_OFFLINE',
  }
}

function untold(commandId: string, at: number): CommandReport {
  return {
    ...{ kind: 'command', commandId, status: 'failed', at, errorCode: 'FILE_BROKEN' },
    detail: 'AGENT_OFFLINE',
  }
}

function linesOf(id: string, { at, report, isStarted }: Entry): Line[] {
  if (report) return [{ at, ended: report }]
  return isStarted ? [{ at, started: id }] : [{ at, fetching: id }]
}

function readLines(path: string): Line[] {
  try {
    return readFileSync(path, 'utf8').split('\n').flatMap(lineOf)
  } catch (error) {
    // Unreadable is not empty: forgetting what was begun could run it twice.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function lineOf(text: string): Line[] {
  try {
    const line = JSON.parse(text) as Partial<Record<string, unknown>> & { ended?: CommandReport }
    const isLine = typeof line['at'] === 'number'
    const ids = [line['fetching'], line['started'], line.ended?.commandId]
    const isKnown = ids.some((id) => typeof id === 'string')
    return isLine && isKnown ? [line as Line] : []
  } catch {
    return []
  }
}
