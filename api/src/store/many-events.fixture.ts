/** A log of any length for tests and benchmarks: sessions with their requests, commands, sign-ins, spread over a year. */
import { newId } from '@travessia/schemas/ids'
import { sampleData } from '../audit/sample-data.fixture.ts'
import type { Append, EventStore, NewEvent } from './event-store.ts'

export type Place = { readonly installationId: string; readonly deviceId: string }
export type Cast = {
  readonly tenantId: string
  readonly users: readonly string[]
  readonly places: readonly Place[]
}

const year = 365 * 24 * 3_600_000
const begin = Date.UTC(2025, 10, 1)
const requestsInSession = 20

export function cast(): Cast {
  const installations = Array.from({ length: 5 }, newId)
  return {
    tenantId: newId(),
    users: Array.from({ length: 20 }, newId),
    places: Array.from({ length: 40 }, (_, i) => ({
      installationId: installations[i % 5] ?? '',
      deviceId: newId(),
    })),
  }
}

/** At least `count` events of one tenant, in appends of up to 44; every tenth a minute too early, as clocks do. */
export function* manyAppends({ tenantId, users, places }: Cast, count: number): Generator<Append> {
  for (let made = 0, turn = 0; made < count; turn += 1) {
    const place = places[turn % places.length] as Place
    const late = turn % 10 === 0 ? 60_000 : 0
    const context = {
      actor: { type: 'user', id: users[(turn * 7) % users.length] ?? '' } as const,
      at: new Date(begin + Math.floor((made / count) * year) - late).toISOString(),
      correlationId: newId(),
    }
    const append = turn % 4 === 0 ? session(context, place) : small(context, place, turn)
    made += append.events.length
    yield { ...append, tenantId, expected: 'any' }
  }
}

/** In batches that fill the writer's transactions. */
export async function fill(store: EventStore, appends: Iterable<Append>): Promise<number> {
  let count = 0
  let waiting: Array<Promise<unknown>> = []
  for (const append of appends) {
    count += append.events.length
    waiting.push(store.append(append))
    if (waiting.length < 100) continue
    await Promise.all(waiting)
    waiting = []
  }
  await Promise.all(waiting)
  return count
}

type Context = Pick<NewEvent, 'actor' | 'at' | 'correlationId'>
type Some = Pick<Append, 'streamKind' | 'streamId' | 'events'>

function session(context: Context, place: Place): Some {
  const streamId = newId()
  const event = (type: keyof typeof sampleData, data: object = sampleData[type]) =>
    ({ ...context, ...place, type, data }) as NewEvent
  const requests = Array.from({ length: requestsInSession }, () => {
    const requestId = newId()
    return [
      event('HttpRequestForwarded', { ...sampleData.HttpRequestForwarded, requestId }),
      event('HttpResponseReceived', { ...sampleData.HttpResponseReceived, requestId }),
    ]
  })
  const opening = ['SessionRequested', 'SessionOpened'] as const
  return {
    ...{ streamKind: 'session', streamId },
    events: [...opening.map((type) => event(type)), ...requests.flat(), event('SessionClosed')],
  }
}

function small(context: Context, place: Place, turn: number): Some {
  const streamId = newId()
  if (turn % 4 === 1) {
    const { actor } = context
    const signIn = { type: 'UserSignedIn', data: { userId: actor.id, clientIp: '192.0.2.1' } }
    const events = [{ ...context, ...signIn } as NewEvent]
    return { streamKind: 'access', streamId: actor.id, events }
  }
  const types = ['CommandIssued', 'CommandDelivered', 'CommandSucceeded'] as const
  const events = types.map(
    (type) => ({ ...context, ...place, type, data: sampleData[type] }) as NewEvent,
  )
  return { streamKind: 'command', streamId, events }
}
