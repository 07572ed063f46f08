/** What the log keeps of an append: the text of each event, its leaf, its session; the same for every engine. */
import { hash } from 'node:crypto'
import { canonicalJson } from '@travessia/schemas/canonical-json'
import type { Append } from './event-store.ts'
import { requireKeepable } from './keepable-text.ts'

export type WriteAnswer =
  | { readonly position: number; readonly version: number }
  | {
      readonly error: 'CONFLICT' | 'MESSAGE_INVALID' | 'STORE_UNAVAILABLE'
      readonly problem: string
      /** At which the stream is. */
      readonly version?: number
    }

/**
 * What the writer thread is told: one text costs a quarter of what it costs to copy the objects from thread to thread.
 * @throws TypeError for a number that JSON cannot say
 */
export function messageOf(append: Append): string {
  const text = JSON.stringify(append)
  // Of such a number JSON says null.
  if (text.includes('null')) canonicalJson(append)
  return text
}

/** The texts that are hashed; or why there are none. Before anything is written: a bad text harms no neighbour. */
export function textsOf(
  { events, tenantId, streamKind, streamId }: Append,
  before: number,
  recordedAt: string,
): string[] | string {
  try {
    return events.map((event, index) => {
      if (!isTime(event.at)) throw new TypeError('at is no time as the log writes it')
      const place = { tenantId, streamKind, streamId, version: before + index + 1 }
      const text = canonicalJson({ ...event, ...place, schemaVersion: 1, recordedAt })
      if (text.includes('\\u0000')) requireKeepable(event)
      return text
    })
  } catch (error) {
    return String(error)
  }
}

/** As `Date` writes it: every engine understands it alike, and its hour stands at its beginning. */
export function isTime(text: string): boolean {
  const time = text.length === 24 ? Date.parse(text) : Number.NaN
  return !Number.isNaN(time) && new Date(time).toISOString() === text
}

export function leafOf(text: string): Buffer {
  return hash('sha256', `\0${text}`, 'buffer')
}

export function sessionOf(
  { streamKind, streamId }: Pick<Append, 'streamKind' | 'streamId'>,
  sessionId?: string,
) {
  return sessionId ?? (streamKind === 'session' ? streamId : undefined)
}

/** The version after which this append may stand; `any` stands after whatever there is. */
export function expectedVersion({ expected }: Append): number | undefined {
  return expected === 'any' ? undefined : expected === 'none' ? 0 : expected
}

/** What stands where an append wanted to: of a repetition the very same events, by their ids. */
export type Standing = { readonly position: number; readonly body: string }

/** The answer to an append whose stream is at another version. */
export function answerLate(append: Append, version: number, standing: readonly Standing[]) {
  const ids = standing.map(({ body }) => (JSON.parse(body) as { id: string }).id)
  const last = standing.at(-1)
  const isRepeat = last && append.events.every(({ id }, index) => id === ids[index])
  return isRepeat && standing.length === append.events.length
    ? { position: last.position, version: (expectedVersion(append) ?? 0) + standing.length }
    : ({ error: 'CONFLICT', problem: `the stream is at version ${version}`, version } as const)
}
