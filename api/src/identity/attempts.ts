/** Counts failures per key in a window of time; bounded, and lost with the process. */
import { TravessiaError } from '@travessia/schemas/errors'
import { putNewest } from '@travessia/schemas/newest'

const maxKeys = 50_000

export class Attempts {
  readonly #max: number
  readonly #windowMs: number
  readonly #now: () => number
  readonly #failures = new Map<string, number[]>()

  constructor({ max, windowMs, now }: { max: number; windowMs: number; now: () => number }) {
    this.#max = max
    this.#windowMs = windowMs
    this.#now = now
  }

  /** @throws TravessiaError RATE_LIMITED with `retryAfterSeconds` */
  require(key: string): void {
    const recent = this.#recent(key)
    if (recent.length < this.#max) return
    const retryAfterMs = (recent[0] ?? 0) + this.#windowMs - this.#now()
    throw new TravessiaError('RATE_LIMITED', { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) })
  }

  failed(key: string): void {
    const recent = [...this.#recent(key), this.#now()]
    putNewest(this.#failures, [key, recent], maxKeys)
  }

  succeeded(key: string): void {
    this.#failures.delete(key)
  }

  /** The last one was none. */
  forgive(key: string): void {
    this.#failures.set(key, this.#recent(key).slice(0, -1))
  }

  #recent(key: string): number[] {
    const since = this.#now() - this.#windowMs
    return (this.#failures.get(key) ?? []).filter((at) => at > since)
  }
}

/**
 * Whose failures count together: an IPv4 address, of IPv6 the /64, since whoever has one address has all of them.
 * @param address an address in any spelling; anything else stays as it is
 */
export function networkOf(address: string): string {
  const url = `http://[${address.replace(/%.*$/, '')}]`
  if (!address.includes(':') || !URL.canParse(url)) return address
  const plain = new URL(url).hostname.slice(1, -1)
  if (plain.startsWith('::ffff:')) return plain
  const [start = [], end = []] = plain.split('::').map((part) => part.split(':').filter(Boolean))
  const zeros = Array.from({ length: 8 - start.length - end.length }, () => '0')
  return `${[...start, ...zeros, ...end].slice(0, 4).join(':')}::/64`
}

/** Of the whole node, ten minutes long. */
export function attemptCounters() {
  const window = { windowMs: 10 * 60_000, now: Date.now }
  return {
    signInAttempts: new Attempts({ max: 10, ...window }),
    accountAttempts: new Attempts({ max: 100, ...window }),
    addressAttempts: new Attempts({ max: 50, ...window }),
    pairingAttempts: new Attempts({ max: 5, ...window }),
    allPairingAttempts: new Attempts({ max: 500, ...window }),
  }
}
