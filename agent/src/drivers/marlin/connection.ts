/** One opened port: lines in, one command in flight, what its answer is. It knows no printer, only the protocol. */

import type { ErrorCode } from '@travessia/schemas/errors'
import { type OpenedPort, type OpenPort, PortFault, type SerialAddress } from './port.ts'
import { isSendable, type Line, LineSplitter, readLine } from './protocol.ts'

const silenceMs = 5_000
const maxResends = 3
const maxAnswerLines = 512

/** `late`, `not-sent`: the printer was told nothing, or refused to read it. `unanswered`: nobody knows. */
export class CommandFault extends Error {
  override readonly name = 'CommandFault'
  readonly reason: 'late' | 'not-sent' | 'unanswered'
  readonly code: ErrorCode

  /** @param words of the printer */
  constructor(reason: CommandFault['reason'], code: ErrorCode, words: string = code) {
    super(words)
    this.reason = reason
    this.code = code
  }
}

export type Limits = {
  /** ms that are left to begin; at 0 nothing is sent any more. */
  readonly startWithinMs: () => number
  /** Ends the waiting for an answer. */
  readonly signal: AbortSignal
}

export type Reply = {
  /** What was said before `ok`. */
  readonly lines: readonly string[]
  /** What followed `ok` on its line. */
  readonly rest: string
}

type Exchange = Limits & {
  /** Without any sign of life for so long, it is over. */
  readonly silenceMs?: number
  /** Of the answer to this very command: an `ok` before it belongs to an earlier one. */
  readonly proof?: RegExp
}

type InFlight = {
  readonly command: string
  readonly exchange: Exchange
  readonly lines: string[]
  readonly end: (result: Reply | CommandFault) => void
  isProved: boolean
  isRefused: boolean
  resends: number
}

type Events = { readonly hear: (line: Line) => void; readonly gone: () => void }

export class Connection {
  readonly #hear: (line: Line) => void
  readonly #gone: () => void
  readonly #splitter = new LineSplitter()
  #port: OpenedPort | undefined
  #inFlight: InFlight | undefined
  #silence: NodeJS.Timeout | undefined
  #onHalted: (() => void) | undefined
  /** Every `ok` from now on is of the command in flight. False at first, after a lost answer and after a restart. */
  isInStep = false

  private constructor({ hear, gone }: Events) {
    this.#hear = hear
    this.#gone = gone
  }

  /** @throws PortFault */
  static async open(open: OpenPort, address: SerialAddress, events: Events): Promise<Connection> {
    const connection = new Connection(events)
    connection.#port = await open(address, {
      data: (chunk) => {
        for (const line of connection.#splitter.push(chunk)) connection.#heard(readLine(line))
      },
      gone: () => {
        connection.#lost('DEVICE_LOST')
        events.gone()
      },
    })
    return connection
  }

  /** One at a time. @throws CommandFault */
  async exchange(command: string, exchange: Exchange): Promise<Reply> {
    if (this.#inFlight || !isSendable(command)) throw new TypeError(`not sendable: ${command}`)
    requireTime(exchange)
    const { signal } = exchange
    const leave = () => this.#fail('DEVICE_TIMEOUT')
    signal.addEventListener('abort', leave, { once: true })
    try {
      return await new Promise<Reply>((resolve, reject) => {
        const end: InFlight['end'] = (result) =>
          result instanceof CommandFault ? reject(result) : resolve(result)
        const isProved = exchange.proof === undefined
        this.#inFlight = {
          ...{ command, exchange, lines: [], end, isProved, isRefused: false, resends: 0 },
        }
        this.#write(command)
      })
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  /** Past the command in flight. @returns whether the printer said that it stopped. @throws PortFault: nothing was sent */
  async shout(command: string, withinMs: number): Promise<boolean> {
    const port = this.#port
    if (!port) throw new CommandFault('not-sent', 'DEVICE_LOST')
    let timer: NodeJS.Timeout | undefined
    const halted = new Promise<boolean>((resolve) => {
      this.#onHalted = () => resolve(true)
      timer = setTimeout(() => resolve(false), withinMs)
    })
    try {
      return await Promise.race([port.write(`${command}\n`).then(() => halted), halted])
    } finally {
      clearTimeout(timer)
      this.#onHalted = undefined
    }
  }

  async close(): Promise<void> {
    const port = this.#port
    this.#lost('DEVICE_LOST')
    await port?.close()
  }

  #write(command: string): void {
    this.#expectLife()
    if (!this.#port) return this.#fail('DEVICE_LOST', 'not-sent')
    // A hung-up port may read as silence for ever: only writing shows that it is gone.
    this.#port.write(`${command}\n`).catch((error: unknown) => {
      if (error instanceof PortFault) this.#fail(error.code, 'not-sent')
      else this.#broke()
    })
  }

  #expectLife(): void {
    clearTimeout(this.#silence)
    const withinMs = this.#inFlight?.exchange.silenceMs ?? silenceMs
    this.#silence = setTimeout(() => {
      if (this.#inFlight?.isRefused) this.#fail('DEVICE_LOST', 'not-sent')
      else this.#fail('DEVICE_TIMEOUT')
    }, withinMs)
  }

  #heard(line: Line): void {
    this.#hear(line)
    const flight = this.#inFlight
    switch (line.kind) {
      case 'start':
        this.isInStep = false
        return this.#fail('DEVICE_LOST')
      case 'halted':
        this.isInStep = false
        this.#onHalted?.()
        return this.#fail('DEVICE_LOST', 'unanswered', line.text)
      case 'ok':
        if (flight?.isProved || flight?.isRefused) this.#answered(flight, line.text)
        return
      case 'resend':
        if (flight) flight.isRefused = true
        break
      case 'error':
      case 'text':
        if (flight) keep(flight, line)
        break
      case 'busy':
      case 'temperatures':
        break
      case 'action':
      case 'noise':
        return
      default:
        line.kind satisfies never
    }
    if (flight) this.#expectLife()
  }

  #answered(flight: InFlight, rest: string): void {
    if (!flight.isRefused) return this.#end({ lines: flight.lines, rest })
    if (flight.exchange.startWithinMs() <= 0) return this.#fail('COMMAND_EXPIRED', 'late')
    if (flight.resends >= maxResends) return this.#fail('DEVICE_LOST', 'not-sent')
    flight.resends += 1
    flight.isRefused = false
    flight.lines.length = 0
    this.#write(flight.command)
  }

  #broke(): void {
    const port = this.#port
    this.#lost('DEVICE_LOST')
    port?.close().catch(() => undefined)
    this.#gone()
  }

  #lost(why: ErrorCode): void {
    this.isInStep = false
    this.#port = undefined
    this.#fail(why)
  }

  #fail(code: ErrorCode, reason: CommandFault['reason'] = 'unanswered', words?: string): void {
    if (reason === 'unanswered' && this.#inFlight) this.isInStep = false
    this.#end(new CommandFault(reason, code, words))
  }

  #end(result: Reply | CommandFault): void {
    clearTimeout(this.#silence)
    const flight = this.#inFlight
    this.#inFlight = undefined
    flight?.end(result)
  }
}

/** @throws CommandFault when it is too late to begin */
export function requireTime({ startWithinMs, signal }: Limits): void {
  if (startWithinMs() <= 0) throw new CommandFault('late', 'COMMAND_EXPIRED')
  if (signal.aborted) throw new CommandFault('not-sent', 'AGENT_OFFLINE')
}

function keep(flight: InFlight, { kind, text }: Line): void {
  if (flight.exchange.proof?.test(text)) flight.isProved = true
  if (flight.lines.length < maxAnswerLines)
    flight.lines.push(kind === 'error' ? `Error: ${text}` : text)
}
