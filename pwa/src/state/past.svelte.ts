/** What was where at an instant. Each question is a fact of the audit, so it is asked once the instant stands still. */
import type { PastState } from '@travessia/schemas/past-state'
import { ApiError, open } from '../api.ts'
import { pastHref } from '../instant.ts'
import { present, serverTime } from './server-time.ts'

const restMs = 600

export class Past {
  atMs = $state(0)
  shown = $state.raw<PastState>()
  error = $state.raw<ApiError>()
  isFuture = $state(false)
  #timer: ReturnType<typeof setTimeout> | undefined
  #asking = new AbortController()

  constructor(atMs: number) {
    this.#stand(atMs)
    void this.load()
  }

  move(atMs: number): void {
    if (atMs === this.atMs) return
    this.leave()
    this.#stand(atMs)
    this.#timer = setTimeout(() => this.load(), restMs)
  }

  /** Nobody waits for an answer any more: the server stops, and has room for the next question. */
  leave(): void {
    clearTimeout(this.#timer)
    this.#asking.abort()
  }

  /** What is shown is of where it stands, or nothing. */
  #stand(atMs: number): void {
    this.atMs = atMs
    this.shown = undefined
    this.error = undefined
    // Of two clocks the later: what has just happened is not to come.
    this.isFuture = atMs > Math.max(Date.now(), serverTime.at(present()) ?? 0)
  }

  async load(): Promise<void> {
    history.replaceState(history.state, '', pastHref(this.atMs))
    if (this.isFuture) return
    this.#asking = new AbortController()
    const { signal } = this.#asking
    try {
      const at = new Date(this.atMs).toISOString()
      const response = await open(`/api/audit/state?at=${at}`, signal)
      const state = (await response.json()) as PastState
      if (signal.aborted) return
      this.shown = state
      this.error = undefined
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof ApiError)) throw error
      this.error = error
    }
  }
}
