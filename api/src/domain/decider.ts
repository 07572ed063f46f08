/** Intents become facts (DESIGN 2): the three functions of a decider, and the one way to run it on the log. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { EventContext, Fact, StreamKind } from '@travessia/schemas/events'
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
  for (let attempt = 1; ; attempt += 1) {
    const events = await store.readStream(stream.tenantId, stream.streamId)
    const before = (events as unknown as F[]).reduce(decider.evolve, decider.initialState)
    const facts = decider.decide(intent, before)
    const state = facts.reduce(decider.evolve, before)
    const contextOf = typeof context === 'function' ? context : () => context
    if (facts.length === 0) return { facts, state, position: undefined }
    try {
      const { position } = await store.append({
        ...stream,
        expected: events.length,
        events: facts.map((fact): NewEvent => ({ ...contextOf(fact), ...(fact as Fact) })),
      })
      return { facts, state, position }
    } catch (error) {
      const isRace = error instanceof TravessiaError && error.code === 'CONFLICT'
      if (!isRace || attempt === attempts) throw error
    }
  }
}
