/** Ends sessions at their moment; an extension moves it. Killed: the next start closes what is over. */
import type { LiveSession } from './remote-sessions.ts'

const retryMs = 5_000

export class SessionCloser {
  readonly #now: () => number
  readonly #close: (session: LiveSession) => void
  readonly #timers = new Map<string, NodeJS.Timeout>()

  constructor(now: () => number, close: (session: LiveSession) => void) {
    this.#now = now
    this.#close = close
  }

  watch(session: LiveSession): void {
    this.#in(session, session.expiresAt - this.#now(), () => this.#close(session))
  }

  /** Its end could not be recorded. */
  retry(session: LiveSession, again: () => void): void {
    this.#in(session, retryMs, again)
  }

  forget({ id }: LiveSession): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  #in(session: LiveSession, ms: number, what: () => void): void {
    this.forget(session)
    this.#timers.set(session.id, setTimeout(what, ms))
  }
}
