/**
 * Events of a whole log whose leaf is there and whose text is not: for a reason only that the log itself gives, and that what
 * stands around it does not refute (ADR 41).
 */
import type { RecordedEvent } from '../events.ts'
import { dayMs, minRetentionDays } from '../retention.ts'
import { retentionFindings, type Text, type Untruth } from './findings.ts'
import type { Placed } from './whole-log.ts'

/** As it stands in a bundle: it may be anything. */
export type Line = { readonly [K in keyof RecordedEvent]?: unknown }
/** Place in the log of what has this leaf. */
export type Places = ReadonlyMap<string | undefined, number>
type Spans = ReadonlyArray<readonly [first: number, last: number]>
export type Judged = {
  readonly wrong: readonly Text[]
  readonly missing: readonly Text[]
  readonly unconfirmed: readonly Text[]
}

/** A `RetentionApplied`. */
type Claim = {
  readonly id: string
  readonly leaf: string
  /** It names what is older than this, which could be said from `due` on. */
  readonly until: number
  readonly due: number
  readonly spans: Spans
  untrue: Untruth | undefined
}

export class Retentions {
  readonly #claims: Claim[] = []
  /** The first event of each day that is later than all before, and what stands before it. */
  readonly #mornings: Array<{ day: number; leaf: string; before: string | undefined }> = []
  #before: string | undefined
  readonly #holds = new Set<unknown>()
  #days: unknown = null
  /** Of the claims that no clock has refuted. */
  #latestDue = Number.NEGATIVE_INFINITY

  get areNone(): boolean {
    return this.#claims.length === 0
  }

  /** Each event, in log order. */
  see({ id, type, at, recordedAt, data }: Line, leaf: string): void {
    const recorded = Date.parse(String(recordedAt))
    this.#seeDay(Math.floor(Math.min(Date.parse(String(at)), recorded) / dayMs), leaf)
    this.passed(recorded)
    const said = { ...(data as object | null | undefined) } as { readonly [name: string]: unknown }
    if (type === 'RetentionChanged') this.#days = said['days']
    if (type === 'LegalHoldPlaced' && said['scope'] === 'all') this.#holds.add(said['holdId'])
    if (type === 'LegalHoldLifted') this.#holds.delete(said['holdId'])
    if (type !== 'RetentionApplied') return
    const [until, days] = [Date.parse(String(said['until'])), Number(said['days'])]
    const claim = { id: String(id), leaf, until, due: until + days * dayMs }
    const spans = spansIn(said['spans'])
    const untrue = this.#untruthOf({ ...claim, spans }, { recorded, days, events: said['events'] })
    this.#claims.push({ ...claim, spans, untrue })
    if (!untrue) this.#latestDue = Math.max(this.#latestDue, claim.due)
  }

  /** After what was seen it was this time. Clocks are set: a day is forgiven. */
  passed(time: number): void {
    if (!(time + dayMs < this.#latestDue)) return
    for (const claim of this.#claims) if (time + dayMs < claim.due) claim.untrue ??= 'early'
    const due = this.#claims.filter(({ untrue }) => !untrue).map((claim) => claim.due)
    this.#latestDue = due.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  }

  /**
   * After all events. `missing`: of those that have expired the ones that nothing true names. `unconfirmed`: those of whose age
   * nothing is known but what names them, since nothing that stands after them is as old.
   */
  judge(places: Places, expired: readonly Placed[]): Judged {
    const wrong: Text[] = []
    const said: Array<Spans[number]> = []
    const mornings = this.#mornings.flatMap(({ day, leaf, before }) => {
      const place = places.get(leaf)
      return place === undefined ? [] : [{ day, place, after: places.get(before) ?? -1 }]
    })
    let newest = Number.NEGATIVE_INFINITY
    for (const { id, leaf, until, spans, untrue } of this.#claims) {
      const place = places.get(leaf)
      if (place === undefined) continue
      const last = spans.reduce((most, [, to]) => Math.max(most, to), -1)
      const later = firstAfter(mornings, Math.floor(until / dayMs))?.place ?? last
      const found = untrue ?? (last >= place ? 'later' : last > later ? 'young' : undefined)
      if (found) wrong.push(retentionFindings.untrue(`#${place} ${id}`, found))
      else {
        said.push(...spans)
        newest = Math.max(newest, until)
      }
    }
    const missing = unsaid(said, expired)
    const border = firstAfter(mornings, Math.floor(newest / dayMs))
    const unconfirmed = missing.length > 0 ? [] : between(expired, border, newest)
    return { wrong, missing: missing.map(retentionFindings.unsaid), unconfirmed }
  }

  #seeDay(day: number, leaf: string): void {
    if (day > (this.#mornings.at(-1)?.day ?? Number.NEGATIVE_INFINITY))
      this.#mornings.push({ day, leaf, before: this.#before })
    this.#before = leaf
  }

  #untruthOf(
    { due, spans }: Pick<Claim, 'due' | 'spans'>,
    { recorded, days, events }: { recorded: number; days: number; events: unknown },
  ): Untruth | undefined {
    if (days !== this.#days || !(days >= minRetentionDays)) return 'unset'
    if (this.#holds.size > 0) return 'held'
    if (!(recorded >= due)) return 'early'
    const named = spans.reduce((sum, [first, last]) => sum + last - first + 1, 0)
    return named === events ? undefined : 'count'
  }
}

/** What is no span names nothing. */
function spansIn(spans: unknown): Spans {
  if (!Array.isArray(spans)) return []
  return spans.flatMap((span) => {
    const [first, last] = Array.isArray(span) ? span.map(Number) : []
    const isSpan = Number.isSafeInteger(first) && Number.isSafeInteger(last)
    return isSpan ? [[Number(first), Number(last)] as const] : []
  })
}

/** `after`: the place of what stands before it. */
type Morning = { readonly day: number; readonly place: number; readonly after: number }

function firstAfter(mornings: readonly Morning[], day: number): Morning | undefined {
  let [from, to] = [0, mornings.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if ((mornings[middle]?.day ?? 0) > day) to = middle
    else from = middle + 1
  }
  return mornings[from]
}

/** What has gone between the last event that is as old as the newest border and the first that is not. */
function between(
  expired: readonly Placed[],
  border: Morning | undefined,
  newest: number,
): readonly Text[] {
  if (!border) return []
  const { after, place, day } = border
  const { length } = expired.filter((one) => one.place > after && one.place < place)
  if (length === 0) return []
  const dayAt = (time: number) => new Date(time).toISOString().slice(0, 10)
  const days = { until: dayAt(newest), from: dayAt(day * dayMs) }
  return [retentionFindings.unconfirmed(length, { after, place, ...days })]
}

/** Of places without a text, in their order, those that none of these names. */
function unsaid(spans: Spans, expired: readonly Placed[]): number[] {
  const said = spans.toSorted(([a], [b]) => a - b)
  let next = 0
  let reach = -1
  return expired
    .map(({ place }) => place)
    .filter((place) => {
      for (; (said[next]?.[0] ?? Number.POSITIVE_INFINITY) <= place; next += 1)
        reach = Math.max(reach, said[next]?.[1] ?? -1)
      return place > reach
    })
}
