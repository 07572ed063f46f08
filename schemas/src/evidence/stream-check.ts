/**
 * Where events have expired: versions of a stream are counted from 1 on, so one shows that is not there. A retention takes single
 * events of `access` alone; of what passes it takes all that a stream has, which may go on; of everything else nothing (ADR 28).
 */
import { passing } from '../retention.ts'
import type { Line, Places } from './expired.ts'
import { retentionFindings, type Text } from './findings.ts'

export class StreamCheck {
  readonly #versions = new Map<unknown, number>()
  /** Events before which one is not there that no retention takes. */
  readonly #after: Array<{ readonly id: string; readonly leaf: string }> = []

  /** Each event, in log order. */
  see({ id, streamId, streamKind, version }: Line, leaf: string): void {
    const before = this.#versions.get(streamId)
    this.#versions.set(streamId, Number(version))
    const isBegin = before === undefined && (version === 1 || passing.has(streamKind))
    if (streamKind === 'access' || isBegin || version === Number(before) + 1) return
    this.#after.push({ id: String(id), leaf })
  }

  /** After all events. */
  wrong(places: Places): Text[] {
    return this.#after.flatMap(({ id, leaf }) => {
      const place = places.get(leaf)
      return place === undefined ? [] : [retentionFindings.lasting(`#${place} ${id}`)]
    })
  }
}
