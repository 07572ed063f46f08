/**
 * Ids. Every id in a topic, a client id, a host name or a URL is 26 characters of `[a-z0-9]` that
 * hold 128 bits (base32hex, lower case).
 */

/** The one pattern of every id. */
export const idPattern = '^[a-z0-9]{26}$'

const idExpression = new RegExp(idPattern)
const alphabet = '0123456789abcdefghijklmnopqrstuv'

/** The tenant of events that belong to the deployment itself (start, clock steps). */
export const systemTenantId = '0'.repeat(26)

export function isId(value: unknown): value is string {
  return typeof value === 'string' && idExpression.test(value)
}

/** Random bytes in stock: asking for sixteen costs as much as asking for a page of them. Each is given once. */
const stock = new Uint8Array(4096)
let givenBytes = stock.length

function randomBytes16(): Uint8Array {
  if (givenBytes === stock.length) {
    crypto.getRandomValues(stock)
    givenBytes = 0
  }
  givenBytes += 16
  return stock.slice(givenBytes - 16, givenBytes)
}

/** A new id of 128 random bits. */
export function newId(): string {
  return idFromBytes(randomBytes16())
}

/**
 * A new id whose first 48 bits are the time, so that ids sort by time of birth; 80 bits are random.
 * @param now milliseconds since 1970
 */
export function newTimeId(now: number): string {
  const bytes = randomBytes16()
  const view = new DataView(bytes.buffer)
  view.setUint16(0, Math.floor(now / 2 ** 32))
  view.setUint32(2, now % 2 ** 32)
  return idFromBytes(bytes)
}

const codes: readonly number[] = [...alphabet].map((char) => char.charCodeAt(0))
/** Of one id, used again: a text that grows by 26 single letters costs many times as much. */
const written: number[] = new Array<number>(Math.ceil((16 * 8) / 5)).fill(0)

/** The id that holds these 16 bytes. */
export function idFromBytes(bytes: Uint8Array): string {
  let at = 0
  let bits = 0
  let pending = 0
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      written[at] = codes[(pending >> bits) & 31] ?? 0
      at += 1
    }
  }
  if (bits > 0) written[at] = codes[(pending << (5 - bits)) & 31] ?? 0
  return String.fromCharCode.apply(undefined, written)
}
