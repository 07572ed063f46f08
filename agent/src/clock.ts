/**
 * Server time, learned from pongs on the data connection and carried on by the monotonic clock, so that a
 * stepped wall clock changes nothing. Unknown when never learned, too old, or when both clocks of this host
 * drifted apart (suspend, step): then only a fresh challenge helps.
 */
import { decodePong, encodePing } from '@travessia/schemas/tunnel-frame'

const validMs = 5 * 60_000
const maxDriftMs = 1_000
const maxRoundTripMs = 2_000

export type Clock = {
  /** ms since 1970; never behind the server's clock, ahead of it by no more than the round trip. */
  now(): number | undefined
  /** Asks the server; the answer comes to `onPong`. */
  ask(): void
  /** Asks and waits for the answer, also for a link that is not there yet. */
  sync(withinMs: number): Promise<number | undefined>
  onPong(payload: Uint8Array): void
}

type Sources = { readonly monotonic: () => number; readonly wall: () => number }
type Moment = { readonly monotonic: number; readonly wall: number }

export function createClock(
  send: (frame: Uint8Array) => void,
  sources: Sources = { monotonic: () => performance.now(), wall: () => Date.now() },
): Clock {
  let asked: Moment | undefined
  let learned: (Moment & { readonly server: number }) | undefined
  const waiting = new Set<() => void>()
  const moment = (): Moment => ({ monotonic: sources.monotonic(), wall: sources.wall() })

  /** ms since then; undefined: the clocks disagree, this host slept or was set. */
  function since(then: Moment): number | undefined {
    const { monotonic, wall } = moment()
    const elapsed = monotonic - then.monotonic
    return Math.abs(wall - then.wall - elapsed) > maxDriftMs ? undefined : elapsed
  }

  function now(): number | undefined {
    const elapsed = learned && since(learned)
    return !learned || elapsed === undefined || elapsed > validMs
      ? undefined
      : learned.server + elapsed
  }

  function ask(): void {
    asked = moment()
    send(encodePing(asked.monotonic))
  }

  return {
    now,
    ask,
    onPong(payload) {
      const { pingAt, peerAt } = decodePong(payload)
      // Only the latest question counts. One that was asked before this host slept looks quick to the
      // monotonic clock, which sleeps too: its answer may be hours old.
      if (pingAt !== asked?.monotonic) return
      const roundTrip = since(asked)
      if (roundTrip === undefined || roundTrip > maxRoundTripMs) return
      // The server's time is that of the answer and is taken for that of the question: this clock runs ahead by
      // the way there rather than behind, so that a command is refused early, never late. A sleep on the way counts.
      learned = { ...asked, server: peerAt }
      for (const wake of waiting) wake()
      waiting.clear()
    },
    async sync(withinMs) {
      ask()
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer)
          waiting.delete(wake)
          resolve()
        }
        const timer = setTimeout(wake, withinMs)
        waiting.add(wake)
      })
      return now()
    },
  }
}
