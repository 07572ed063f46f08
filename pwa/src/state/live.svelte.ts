/** Server-Sent Events: one stream for the whole app; the browser comes back with Last-Event-ID by itself. */
import type { LiveFact, LiveHeartbeat, LiveState } from '@travessia/schemas/api'
import { network } from './network.svelte.ts'

const staleMs = 10_000
const retryMs = 3_000

type Listener = {
  readonly fact?: (fact: LiveFact) => void
  readonly heartbeat?: (heartbeat: LiveHeartbeat) => void
  readonly state?: (state: LiveState) => void
  /** Facts may have been missed: fetch again. */
  readonly reset?: () => void
  /** The server answers with no stream, perhaps because nobody is signed in any more. */
  readonly refused?: () => void
}

class Live {
  /** ms since 1970 at which the stream was lost; undefined: it is up. */
  lostAt = $state<number>()
  #source: EventSource | undefined
  readonly #listeners = new Set<Listener>()

  constructor() {
    // A stream may outlive a missing link without a word, while all that was asked meanwhile had no answer.
    addEventListener('online', () => this.#source && this.#connect())
  }

  start(): void {
    this.stop()
    this.#connect()
  }

  #connect(): void {
    this.#source?.close()
    const source = new EventSource('/api/events')
    this.#source = source
    source.addEventListener('open', () => this.#opened())
    source.addEventListener('error', () => this.#failed(source))
    const on = <T>(type: string, tell: (listener: Listener, told: T) => void) =>
      source.addEventListener(type, ({ data }) => {
        // One request without an answer does not mean that there is no network.
        network.heard(true)
        const told = JSON.parse(data) as T
        for (const listener of this.#listeners) tell(listener, told)
      })
    on<LiveFact>('fact', (listener, fact) => listener.fact?.(fact))
    on<LiveHeartbeat>('heartbeat', (listener, heartbeat) => listener.heartbeat?.(heartbeat))
    on<LiveState>('state', (listener, state) => listener.state?.(state))
    source.addEventListener('reset', () => this.#reset())
  }

  stop(): void {
    this.#source?.close()
    this.#source = undefined
    this.lostAt = undefined
  }

  /** @returns what ends it: fits `$effect` */
  on(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  isStale(now: number): boolean {
    return this.lostAt !== undefined && now - this.lostAt > staleMs
  }

  /** The first time too: what happened between a page's fetch and the opening would never be told. */
  #opened(): void {
    this.lostAt = undefined
    network.heard(true)
    this.#reset()
  }

  #failed(source: EventSource): void {
    this.lostAt ??= Date.now()
    // Closed for good (an answer that is no stream): try again, the server may be back. What was lost stays
    // lost until it is: the new stream does not know the last event, so everything is fetched again.
    if (source.readyState !== EventSource.CLOSED || this.#source !== source) return
    for (const listener of this.#listeners) listener.refused?.()
    setTimeout(() => this.#source === source && this.#connect(), retryMs)
  }

  #reset(): void {
    for (const listener of this.#listeners) listener.reset?.()
  }
}

export const live = new Live()
