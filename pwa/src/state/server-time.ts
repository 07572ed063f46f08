/**
 * The server's time, as its answers say it, carried on by the monotonic clock: what a tap is dated by. An answer was
 * said before it came, so this is behind the server and never ahead. Unknown once five minutes old, or when the
 * monotonic clock and that of the phone drifted apart: it slept (on some systems the former sleeps too) or was set.
 */
const validMs = 5 * 60_000
const maxDriftMs = 1_000

export type Moment = { readonly monotonic: number; readonly wall: number }

export function present(): Moment {
  return { monotonic: performance.now(), wall: Date.now() }
}

/** ms from one moment to another; undefined: the clocks disagree. */
export function between(from: Moment, to: Moment): number | undefined {
  const elapsed = to.monotonic - from.monotonic
  return Math.abs(to.wall - from.wall - elapsed) > maxDriftMs ? undefined : elapsed
}

export class ServerTime {
  #heard: (Moment & { readonly server: number }) | undefined

  heard(server: number, at = present()): void {
    if (!Number.isFinite(server)) return
    const known = this.at(at)
    // The quicker the answer, the later the time that it says.
    if (known === undefined || server > known) this.#heard = { ...at, server }
  }

  forget(): void {
    this.#heard = undefined
  }

  /** ms since 1970 by the server's clock. */
  at(moment: Moment): number | undefined {
    const elapsed = this.#heard && between(this.#heard, moment)
    return !this.#heard || elapsed === undefined || elapsed > validMs
      ? undefined
      : Math.floor(this.#heard.server + elapsed)
  }
}

export const serverTime = new ServerTime()
