/**
 * What this agent has begun and how it ended, one JSON line each, fsynced before the device is touched
 * (THREATS C3). Killed between `started` and `ended`: the next start finds the command begun without an end
 * and reports it as unknown; it is never run again. A half-written last line is dropped.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { CommandReport } from '@travessia/schemas/reports'

/** QoS 1 may deliver again for as long as the broker keeps a session; a day is far beyond any expiry. */
const keepMs = 24 * 3600_000

type Line = { readonly at: number } & (
  | { readonly started: string }
  | { readonly ended: CommandReport }
)
/** `report` undefined: begun, no end yet. */
type Entry = { readonly at: number; readonly report: CommandReport | undefined }

export class Journal {
  readonly #entries = new Map<string, Entry>()
  readonly #file: number
  readonly #now: () => number

  constructor(path: string, now: () => number = Date.now) {
    this.#now = now
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    for (const line of readLines(path)) if (now() - line.at < keepMs) this.#remember(line)
    const kept = [...this.#entries].flatMap(([id, entry]) => linesOf(id, entry))
    writeFileSync(path, kept.map((line) => `${JSON.stringify(line)}\n`).join(''), { mode: 0o600 })
    this.#file = openSync(path, 'a', 0o600)
    for (const [id, { report }] of this.#entries) if (!report) this.ended(lost(id, now()))
  }

  /** 'new': never begun; undefined: begun and under way; else how it ended. */
  outcomeOf(commandId: string): CommandReport | 'new' | undefined {
    const entry = this.#entries.get(commandId)
    return entry ? entry.report : 'new'
  }

  /** Durable when it returns. */
  started(commandId: string): void {
    this.#write({ at: this.#now(), started: commandId })
  }

  /** Durable when it returns. */
  ended(report: CommandReport): void {
    this.#write({ at: this.#now(), ended: report })
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

  #write(line: Line): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`)
    fsyncSync(this.#file)
    this.#remember(line)
  }

  #remember(line: Line): void {
    if ('started' in line) this.#entries.set(line.started, { at: line.at, report: undefined })
    else this.#entries.set(line.ended.commandId, { at: line.at, report: line.ended })
  }
}

function lost(commandId: string, at: number): CommandReport {
  return {
    ...{ kind: 'command', commandId, status: 'unknown', at, errorCode: 'COMMAND_UNKNOWN' },
    detail: 'the agent stopped during the command',
  }
}

function linesOf(id: string, { at, report }: Entry): Line[] {
  return [{ at, started: id }, ...(report ? [{ at, ended: report }] : [])]
}

function readLines(path: string): Line[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Line]
    } catch {
      return []
    }
  })
}
