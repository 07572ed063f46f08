/**
 * Commands to one printer: the port is open while somebody holds it, commands go one after the other, each only when
 * the printer is known to listen. A board that was reset by opening is deaf for seconds, and an answer that was given
 * up may still come: so a connection begins, and begins again after each lost answer, with `M115`, whose own words
 * cannot be taken for another's.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandFault, Connection, type Limits, type Reply, requireTime } from './connection.ts'
import type { OpenPort, SerialAddress } from './port.ts'
import type { Line } from './protocol.ts'

const maxWaiting = 16
const greetings = 5
/** Longer than Marlin's two seconds between two `busy`. */
const greetingMs = 3_000
/** After several greetings: time for the answers to the others. */
const settleMs = 1_000
const haltedMs = 3_000
const longestTimerMs = 600_000

type Deps = {
  readonly open: OpenPort
  readonly address: SerialAddress
  readonly hear: (line: Line) => void
  readonly gone: () => void
}

export class MarlinClient {
  readonly #deps: Deps
  #connection: Promise<Connection> | undefined
  #closing: Promise<void> = Promise.resolve()
  #holders = 0
  #waiting = 0
  /** The last command; the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** The port stays open until the last holder releases it. */
  hold(): () => Promise<void> {
    this.#holders += 1
    let isHeld = true
    return async () => {
      if (!isHeld) return
      isHeld = false
      this.#holders -= 1
      if (this.#holders === 0) await this.#close()
    }
  }

  /** @throws CommandFault, PortFault */
  async request(command: string, limits: Limits): Promise<Reply> {
    if (this.#waiting >= maxWaiting) throw new CommandFault('not-sent', 'TUNNEL_BUSY')
    this.#waiting += 1
    const turn = new AbortController()
    const work = this.#last.then(() => {
      turn.abort()
      return this.#inTurn(command, limits)
    })
    this.#last = work.catch(() => undefined).finally(() => (this.#waiting -= 1))
    return Promise.race([work, outOfTime(limits, turn.signal)])
  }

  /** At once, past every other command. @returns whether the printer said that it stopped */
  async shout(command: string, limits: Limits): Promise<boolean> {
    requireTime(limits)
    const connection = await this.#connected()
    requireTime(limits)
    return connection.shout(command, haltedMs)
  }

  async #inTurn(command: string, limits: Limits): Promise<Reply> {
    requireTime(limits)
    const connection = await this.#connected()
    if (!connection.isInStep) await greet(connection, limits)
    return connection.exchange(command, limits)
  }

  #connected(): Promise<Connection> {
    if (this.#connection) return this.#connection
    const { address, gone, hear, open } = this.#deps
    const forget = () => {
      if (this.#connection === connecting) this.#connection = undefined
    }
    const events = {
      hear,
      gone: () => {
        forget()
        gone()
      },
    }
    const connecting = this.#closing.then(() => Connection.open(open, address, events))
    connecting.catch(forget)
    this.#connection = connecting
    return connecting
  }

  async #close(): Promise<void> {
    const connection = this.#connection
    if (!connection) return
    this.#connection = undefined
    this.#closing = connection.then(
      (opened) => opened.close(),
      () => undefined,
    )
    await this.#closing
  }
}

/** @throws CommandFault */
async function greet(connection: Connection, limits: Limits): Promise<void> {
  for (let greeting = 1; greeting <= greetings; greeting += 1) {
    requireTime(limits)
    const inTime = AbortSignal.timeout(timerMs(limits))
    const signal = AbortSignal.any([limits.signal, inTime])
    const asked = { ...limits, signal, silenceMs: greetingMs, proof: /^FIRMWARE_NAME:/ }
    const isAnswered = await connection.exchange('M115', asked).then(() => true, isDeaf)
    if (!isAnswered) continue
    if (greeting > 1) await sleep(settleMs)
    connection.isInStep = true
    return
  }
  throw new CommandFault('not-sent', 'DEVICE_TIMEOUT')
}

function isDeaf(error: unknown): false {
  if (error instanceof CommandFault && error.reason === 'unanswered') return false
  throw error
}

/** Rejects when the command's time is over and its turn has not come; it will do nothing then. */
async function outOfTime(limits: Limits, turn: AbortSignal): Promise<never> {
  const signal = AbortSignal.any([limits.signal, turn])
  await sleep(timerMs(limits), undefined, { signal }).catch(() => undefined)
  if (turn.aborted) return new Promise(() => undefined)
  requireTime(limits)
  throw new CommandFault('late', 'COMMAND_EXPIRED')
}

function timerMs({ startWithinMs }: Limits): number {
  return Math.ceil(Math.min(longestTimerMs, Math.max(0, startWithinMs())))
}
