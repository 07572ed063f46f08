/** What a batch of appends becomes in the tables of PostgreSQL: decided here, without the database. */
import type { Append } from './event-store.ts'
import { expectedVersion, leafOf, sessionOf, textsOf, type WriteAnswer } from './event-text.ts'
import { Hours } from './hours.ts'
import { bucketFor } from './postgres-setup.ts'

/** What stands where the batch wants to: read under the lock of the head row. Streams by `streamKeyOf`. */
type Standpoint = {
  readonly position: number
  readonly at: string
  /** The month of streams that open now. */
  readonly month: string
  readonly refs: ReadonlyMap<string, number>
  readonly streams: Map<string, StreamHead>
  /** Next log index by tenant. */
  readonly tenants: Map<number, number>
}
export type StreamHead = { readonly version: number; readonly bucket: string }

/** An append whose stream is at another version: a repetition or a conflict. */
type Late = { readonly streamKey: number; readonly version: number }

/** Of the row of an event. */
const bodyColumn = 11

export type Value = string | number | Uint8Array | null
export type Plan = {
  readonly answers: Array<WriteAnswer | { readonly late: Late }>
  /** A row an event, in the order of the table's columns. */
  readonly events: Value[][]
  /** Those that open. */
  readonly streams: Map<string, Value[]>
  readonly tenants: Map<number, Value[]>
  readonly hours: Hours
  /** The partitions that it needs. */
  readonly buckets: Set<string>
  readonly nextPosition: number
  /** By position and id one finds out whether the batch was committed. */
  readonly last: { readonly position: number; readonly id: string } | undefined
}

/** Every id that must have its integer. */
export function idsOf(batch: readonly Append[]): Set<string> {
  const ids = new Set<string>()
  for (const append of batch) {
    ids.add(append.tenantId).add(append.streamId)
    for (const event of append.events)
      for (const id of [event.type, ...placesOf(append, event)]) if (id !== undefined) ids.add(id)
  }
  return ids
}

export function streamKeyOf(tenantKey: number, streamKey: number): string {
  return `${tenantKey} ${streamKey}`
}

export function planBatch(batch: readonly Append[], from: Standpoint): Plan {
  const plan = {
    ...{ answers: [] as Plan['answers'], events: [] as Value[][] },
    ...{ streams: new Map<string, Value[]>(), tenants: new Map<number, Value[]>() },
    ...{ hours: new Hours(), buckets: new Set<string>(), nextPosition: from.position },
    ...{ last: undefined as Plan['last'] },
  }
  for (const append of batch) plan.answers.push(planOne(append, from, plan))
  return plan
}

type Growing = { -readonly [K in keyof Plan]: Plan[K] }

function planOne(append: Append, from: Standpoint, plan: Growing): Plan['answers'][number] {
  const refOf = (id: string) => from.refs.get(id) ?? 0
  const [tenantKey, streamKey] = [refOf(append.tenantId), refOf(append.streamId)]
  const stream = streamKeyOf(tenantKey, streamKey)
  const known = from.streams.get(stream)
  const before = known?.version ?? 0
  const bucket = known?.bucket ?? bucketFor(append.streamKind, from.month)
  const expected = expectedVersion(append)
  if (expected !== undefined && before !== expected) return { late: { streamKey, version: before } }
  const texts = textsOf(append, before, from.at)
  if (typeof texts === 'string') return { error: 'MESSAGE_INVALID', problem: texts }
  let version = before
  let logIndex = from.tenants.get(tenantKey) ?? 0
  for (const [index, event] of append.events.entries()) {
    version += 1
    const text = texts[index] ?? ''
    const places = placesOf(append, event).map((id) => (id === undefined ? null : refOf(id)))
    plan.events.push([
      ...[plan.nextPosition, tenantKey, logIndex, streamKey, version],
      ...[refOf(event.type), Date.parse(event.at), ...places, text],
      ...[leafOf(text).toString('hex'), bucket],
    ])
    plan.hours.note(tenantKey, event.at, plan.nextPosition)
    plan.last = { position: plan.nextPosition, id: event.id ?? '' }
    plan.nextPosition += 1
    logIndex += 1
  }
  from.streams.set(stream, { version, bucket })
  from.tenants.set(tenantKey, logIndex)
  if (!known) plan.streams.set(stream, [tenantKey, streamKey, append.streamKind, version, bucket])
  plan.tenants.set(tenantKey, [tenantKey, logIndex])
  plan.buckets.add(bucket)
  return { position: plan.nextPosition - 1, version }
}

/** Actor, installation, device, session: in the order of the columns. */
function placesOf(append: Append, event: Append['events'][number]): Array<string | undefined> {
  const { actor, installationId, deviceId } = event
  return [actor.id, installationId, deviceId, sessionOf(append, event.sessionId)]
}

/** Rows as the columns that `unnest` takes. */
export function columnsOf(rows: readonly Value[][], width: number): Value[][] {
  return Array.from({ length: width }, (_, column) => rows.map((row) => row[column] ?? null))
}

/** The columns that `addEvents` takes, as text: what `pg` makes of arrays quotes every number. */
export function eventColumnsOf(rows: readonly Value[][]): string[] {
  return columnsOf(rows, 14).map((values, column) =>
    column === bodyColumn ? values.join('\n') : `{${values.map((value) => value ?? 'null')}}`,
  )
}
