/**
 * The simulated turnstile tells a server what happens, if one is configured: in order, each until it is
 * answered with 200, three times at most; and every `alive_interval` that it is alive.
 */
import { setTimeout as sleep } from 'node:timers/promises'

const attempts = 3
const betweenMs = 500
const maxWaiting = 100
const usualAliveMs = 30_000

export class TurnstileMonitor {
  readonly #settings: () => Readonly<Record<string, string>>
  readonly #alive: () => object
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #queue: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(settings: () => Readonly<Record<string, string>>, alive: () => object) {
    this.#settings = settings
    this.#alive = alive
  }

  /** At a start, and whenever its configuration has changed. */
  start(): void {
    clearInterval(this.#timer)
    if (!this.#settings()['hostname']) return
    const everyMs = Number(this.#settings()['alive_interval'] || usualAliveMs)
    const tell = () => this.tell('device_is_alive', this.#alive())
    this.#timer = setInterval(tell, everyMs)
    tell()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#abort.abort()
  }

  tell(name: string, body: object): void {
    if (!this.#settings()['hostname'] || this.#waiting >= maxWaiting) return
    this.#waiting += 1
    this.#queue = this.#queue
      .then(() => this.#post(name, JSON.stringify(body)))
      .catch(() => undefined)
      .finally(() => {
        this.#waiting -= 1
      })
  }

  async #post(name: string, body: string): Promise<void> {
    const { hostname, port, path, request_timeout: timeout } = this.#settings()
    const url = `http://${hostname}:${port}/${path}/${name}`
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const signal = AbortSignal.any([
        this.#abort.signal,
        AbortSignal.timeout(Number(timeout || 5_000)),
      ])
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(url, { method: 'POST', body, headers, signal }).catch(() => null)
      await answer?.body?.cancel()
      if (answer?.ok || this.#abort.signal.aborted) return
      await sleep(betweenMs, undefined, { signal: this.#abort.signal })
    }
  }
}
