/**
 * Who has dialled and is not heard yet: from the bind of the ports, which comes first at a start, until the broker can tell
 * who may come in; in a burst until it is their turn. So nobody of a fleet is refused and pauses, and the first are done
 * before the last begin.
 */
import type { Duplex } from 'node:stream'

export const lineLimits = {
  /** In one turn of the event loop, beside all that is under way. */
  enteredPerTurn: 16,
  maxWaiting: 10_000,
  /** Who dials gives up after 8 s. */
  maxWaitMs: 10_000,
} as const

type Guest = { readonly since: number; readonly enter: () => void }

export class WaitingLine {
  /** The first who came first. */
  readonly #guests = new Map<Duplex, Guest>()
  #isOpen = false
  #isCalling = false
  #sweep: NodeJS.Timeout | undefined

  /** @param enter is called when it is the turn of this socket, which may have ended meanwhile */
  join(socket: Duplex, enter: () => void): void {
    if (this.#guests.size >= lineLimits.maxWaiting) {
      socket.destroy()
      return
    }
    this.#guests.set(socket, { since: performance.now(), enter })
    this.#sweep ??= setInterval(() => this.#dropLate(), lineLimits.maxWaitMs / 10).unref()
    this.#call()
  }

  open(): void {
    this.#isOpen = true
    this.#call()
  }

  close(): void {
    clearInterval(this.#sweep)
    this.#guests.clear()
  }

  #call(): void {
    if (!this.#isOpen || this.#isCalling || this.#guests.size === 0) return
    this.#isCalling = true
    setImmediate(() => {
      this.#isCalling = false
      let left: number = lineLimits.enteredPerTurn
      for (const [socket, { enter }] of this.#guests) {
        if (left === 0) break
        left -= 1
        this.#guests.delete(socket)
        enter()
      }
      this.#call()
    })
  }

  #dropLate(): void {
    const latest = performance.now() - lineLimits.maxWaitMs
    for (const [socket, { since }] of this.#guests) {
      if (since > latest) return
      this.#guests.delete(socket)
      socket.destroy()
    }
  }
}
