/**
 * Server time, learned from pongs on the data connection and carried on by the monotonic clock, so that a
 * stepped wall clock changes nothing. Unknown when never learned, too old, or when both clocks of this host
 * drifted apart (suspend, step): then only a fresh challenge helps (THREATS C2).
 */
import { decodePong, encodePing } from '@travessia/schemas/tunnel-frame'

const validMs = 5 * 60_000
const maxDriftMs = 1_000
const maxRoundTripMs = 2_000

export type Clock = {
  /** ms since 1970 on the server's clock, never ahead of it by more than the round trip. */
  now(): number | undefined
  /** Asks and waits for the answer. */
  sync(withinMs: number): Promise<number | undefined>
  onPong(payload: Uint8Array): void
}

type Sources = { readonly monotonic: () => number; readonly wall: () => number }

export function createClock(
  send: (frame: Uint8Array) => boolean,
  sources: Sources = { monotonic: () => performance.now(), wall: () => Date.now() },
): Clock {
  const { monotonic, wall } = sources
  let learned: { at: number; wall: number; server: number } | undefined
  const waiting = new Set<() => void>()

  function now(): number | undefined {
    if (!learned) return undefined
    const elapsed = monotonic() - learned.at
    const drift = Math.abs(wall() - learned.wall - elapsed)
    return elapsed > validMs || drift > maxDriftMs ? undefined : learned.server + elapsed
  }

  return {
    now,
    onPong(payload) {
      const { pingAt, peerAt } = decodePong(payload)
      const at = monotonic()
      const roundTrip = at - pingAt
      if (roundTrip < 0 || roundTrip > maxRoundTripMs) return
      // The answer is older than its arrival by up to the whole way back: assuming all of it makes this
      // clock run ahead rather than behind, so that a command is refused early, never late.
      learned = { at, wall: wall(), server: peerAt + roundTrip }
      for (const wake of waiting) wake()
      waiting.clear()
    },
    async sync(withinMs) {
      if (!send(encodePing(monotonic()))) return undefined
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs)
        waiting.add(() => {
          clearTimeout(timer)
          resolve()
        })
      })
      return now()
    },
  }
}
