/**
 * Whether a bundle that was asked for by a session alone has all of it: versions of a stream are counted from 1 on, so that one
 * which is not there shows. What comes after the last one only a server knows; it has come to its end, or is open.
 */
import type { EventType } from '../events.ts'
import type { Line } from './expired.ts'
import { sessionFindings, type Text } from './findings.ts'
import type { Manifest } from './manifest.ts'

/** Of its own stream. */
export type SessionPart = { readonly events: number; readonly isEnded: boolean }

const ends: readonly EventType[] = [
  ...(['SessionClosed', 'SessionExpired', 'SessionRevoked', 'SessionDenied'] as const),
]

export class SessionCheck {
  /** Undefined: something else was asked for. */
  readonly #id: unknown
  readonly #versions = new Set<number>()
  #isEnded = false

  constructor({ scope, filter }: Manifest) {
    // The places that its reader may see: a session is in one of them.
    const { installationIds: _places, ...asked } = filter
    const isAlone = scope === 'selection' && Object.keys(asked).length === 1
    this.#id = isAlone ? filter['sessionId'] : undefined
  }

  see({ streamId, version, type }: Line): void {
    if (this.#id === undefined || streamId !== this.#id || !Number.isSafeInteger(version)) return
    this.#versions.add(Number(version))
    this.#isEnded ||= ends.some((end) => end === type)
  }

  /** Undefined: nothing of it is here, which says nothing. */
  part(): SessionPart | undefined {
    return this.#versions.size === 0
      ? undefined
      : { events: this.#versions.size, isEnded: this.#isEnded }
  }

  missing(): Text[] {
    const texts: Text[] = []
    let next = 1
    for (const version of [...this.#versions].sort((a, b) => a - b)) {
      if (version > next) texts.push(sessionFindings.missing(next, version - 1))
      next = version + 1
    }
    return texts
  }
}
