/** For tests: a filter of each kind that lists know. */
import { eventTypes } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import type { EventFilter } from './event-store.ts'

export type Wanted = Omit<EventFilter, 'tenantId' | 'limit'>

export const id = newId()
const year = { from: '2026-01-01', to: '2026-12-31' }
export const filters: Array<[string, Wanted]> = [
  ['nothing', {}],
  ['an installation', { installationId: id }],
  ['several installations', { installationIds: [id, newId()] }],
  ['an actor', { actorId: id }],
  ['a device', { deviceId: id }],
  ['a session', { sessionId: id }],
  ['types', { types: eventTypes.slice(0, 5) }],
  ['types at several installations', { types: eventTypes.slice(0, 2), installationIds: [id] }],
  ['a span of time', year],
  ['all since then', { from: '2026-01-01' }],
  ['all until then', { to: '2026-01-01' }],
  ['a cursor', { cursor: '100' }],
  ['a cursor in a span of time', { cursor: '100', ...year }],
  ['a device in a span of time', { deviceId: id, ...year }],
  ['types in a span of time', { types: eventTypes.slice(0, 2), ...year }],
  [
    'everything',
    { installationIds: [id], deviceId: id, actorId: id, types: ['SessionOpened'], cursor: '9' },
  ],
]

/** The column whose index is walked. */
export function narrowestOf({ sessionId, deviceId, actorId, installationId }: Wanted) {
  return [
    ...[sessionId && 'session_key', deviceId && 'device_key', actorId && 'actor_key'],
    ...[installationId && 'installation_key'],
  ].find(Boolean)
}

/** Without such a key a list is one for each of these. */
export function splitBy({ types, installationIds }: Wanted): string | undefined {
  return types ? 'type_key' : installationIds && 'installation_key'
}
