/**
 * Whether the server can be reached: without it nothing may be commanded. The browser knows of a missing
 * link; a link that leads nowhere shows only when a request gets no answer.
 */
class Network {
  #hasLink = $state(navigator.onLine)
  #isAnswered = $state(true)

  constructor() {
    addEventListener('online', () => {
      this.#hasLink = true
    })
    addEventListener('offline', () => {
      this.#hasLink = false
    })
  }

  get isOnline(): boolean {
    return this.#hasLink && this.#isAnswered
  }

  /** Called by whatever asked the server. */
  heard(isAnswered: boolean): void {
    this.#isAnswered = isAnswered
  }
}

export const network = new Network()
