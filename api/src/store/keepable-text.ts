/**
 * Text that every log keeps as it is: PostgreSQL reads no JSON with a NUL in it, and no UTF-8 says half a character. What people
 * send with one is refused; what a device or an agent has said with one has happened, and is kept without.
 */
import { TravessiaError } from '@travessia/schemas/errors'

export function keepable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd')
}

/** For `JSON.parse`. */
export function asKeepable(_name: string, value: unknown): unknown {
  return typeof value === 'string' ? keepable(value) : value
}

/** @throws TravessiaError MESSAGE_INVALID that names the first such place of what JSON or a query said */
export function requireKeepable(value: unknown): void {
  const parts = [{ at: '', value }]
  for (const { at, value } of parts) {
    if (typeof value === 'string' && keepable(value) !== value) throw invalid(at)
    if (!isPlain(value)) continue
    for (const [name, member] of Object.entries(value)) {
      if (keepable(name) !== name) throw invalid(at)
      parts.push({ at: `${at}/${name}`, value: member })
    }
  }
}

function invalid(at: string): TravessiaError {
  return new TravessiaError('MESSAGE_INVALID', { at, problem: 'NUL or half a character' })
}

/** Neither bytes nor a stream. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return Array.isArray(value) || prototype === Object.prototype || prototype === null
}
