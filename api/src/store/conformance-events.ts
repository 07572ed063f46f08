/** For tests: small valid events, each in a stream of its own unless told otherwise. */
import type { Fact } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import type { Append, NewEvent } from './event-store.ts'

export function event(context: Partial<NewEvent> = {}): NewEvent {
  const fact: Fact = { type: 'UserSignedOut', data: { userId: newId() } }
  return {
    ...{
      actor: { type: 'user', id: newId() },
      at: new Date().toISOString(),
      correlationId: newId(),
    },
    ...context,
    ...fact,
  } as NewEvent
}

export function append(change: Partial<Append> = {}): Append {
  return {
    ...{ tenantId: newId(), streamKind: 'access', streamId: newId(), expected: 'any' },
    events: [event()],
    ...change,
  }
}
