/** Intents become facts: the three functions of a decider, and the one way to run it on the log. */
import { setImmediate as breathe } from 'node:timers/promises'
import { TravessiaError } from '@travessia/schemas/errors'
import type { EventContext, Fact, StreamKind } from '@travessia/schemas/events'
import { putNewest } from '@travessia/schemas/newest'
import type { EventStore, NewEvent } from '../store/event-store.ts'

export type Decider<State, Intent, F extends Fact> = {
  readonly initialState: State
  /** @throws TravessiaError for a refusal; no clock, no randomness, no I/O */
  decide(intent: Intent, state: State): readonly F[]
  evolve(state: State, fact: F): State
}

type Stream = {
  readonly tenantId: string
  readonly streamKind: StreamKind
  readonly streamId: string
}

const attempts = 5
const pageEvents = 500

/** Of long streams, the newest used last: what a device says fills its stream for ever, and a decision reads what is new of it. */
type Known = { readonly decider: unknown; readonly version: number; readonly state: unknown }
const maxKnown = 10_000
const memories = new WeakMap<EventStore, Map<string, Known>>()

/**
 * Loads the stream, decides, appends with the version it saw, and tries again when somebody was quicker.
 * @returns the new facts, the state after them, and their position (undefined: nothing was decided)
 * @throws TravessiaError what the decider says, CONFLICT after five attempts, STORE_UNAVAILABLE
 */
export async function handle<State, Intent, F extends Fact>(
  store: EventStore,
  decider: Decider<State, Intent, F>,
  stream: Stream,
  intent: Intent,
  context: EventContext | ((fact: F) => EventContext),
): Promise<{ facts: readonly F[]; state: State; position: number | undefined }> {
  let [seen, end] = [-1, 0]
  for (let attempt = 1; ; attempt += 1) {
    const { version, state: before } = await standing(store, decider, stream)
    const facts = decider.decide(intent, before)
    const state = facts.reduce(decider.evolve, before)
    const contextOf = typeof context === 'function' ? context : () => context
    if (facts.length === 0) return { facts, state, position: undefined }
    try {
      const { position } = await store.append({
        ...stream,
        // Nobody was quicker, and yet the stream ends later: its newest events have expired.
        expected: version === seen ? end : version,
        events: facts.map((fact): NewEvent => ({ ...contextOf(fact), ...(fact as Fact) })),
      })
      return { facts, state, position }
    } catch (error) {
      if (attempt === attempts) throw error
      ;[seen, end] = [version, endIn(error)]
    }
  }
}

/** Where the stream ends, as a conflict says. @throws what is none */
function endIn(error: unknown): number {
  if (!(error instanceof TravessiaError && error.code === 'CONFLICT')) throw error
  return Number(error.details['version'])
}

/** The state by all facts of the stream, and their number. */
async function standing<State, F extends Fact>(
  store: EventStore,
  decider: Pick<Decider<State, never, F>, 'initialState' | 'evolve'>,
  { tenantId, streamId }: Stream,
): Promise<{ version: number; state: State }> {
  const memory = memories.get(store) ?? new Map<string, Known>()
  memories.set(store, memory)
  const name = `${tenantId} ${streamId}`
  const known = memory.get(name)
  let { version, state } =
    known?.decider === decider
      ? { version: known.version, state: known.state as State }
      : { version: 0, state: decider.initialState }
  for (;;) {
    const page = { after: version, limit: pageEvents }
    const events = await store.readStream(tenantId, streamId, page)
    if (events.some(({ type }) => type === 'EventAltered'))
      throw new TravessiaError('STORE_UNAVAILABLE', { problem: 'damaged' })
    state = (events as unknown as F[]).reduce(decider.evolve, state)
    version = events.at(-1)?.version ?? version
    if (events.length < pageEvents) break
    await breathe()
  }
  if (version < pageEvents) return { version, state }
  putNewest(memory, [name, { decider, version, state }], maxKnown)
  return { version, state }
}
