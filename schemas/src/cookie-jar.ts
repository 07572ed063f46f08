/** Cookies of a device that its browser must not hold. Lost with the process: the device asks to sign in again. */
import { putNewest } from './newest.ts'

const maxJarCookies = 50

export class CookieJar {
  readonly #cookies = new Map<string, string>()

  get isEmpty(): boolean {
    return this.#cookies.size === 0
  }

  set(pair: string, attributes: readonly string[]): void {
    const name = pair.slice(0, pair.indexOf('='))
    this.#cookies.delete(name)
    const isOver = attributes.some((a) => /^max-age=(0|-)/i.test(a) || isPast(a))
    if (!isOver) putNewest(this.#cookies, [name, pair], maxJarCookies)
  }

  pairs(): string[] {
    return [...this.#cookies.values()]
  }
}

function isPast(attribute: string): boolean {
  const match = /^expires=(.*)$/i.exec(attribute)
  return match !== null && Date.parse(match[1] ?? '') < Date.now()
}
