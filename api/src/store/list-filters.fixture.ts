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
  ['a device and types', { deviceId: id, types: eventTypes.slice(0, 3) }],
  ['an actor and types', { actorId: id, types: eventTypes.slice(0, 3) }],
  ['an installation and types', { installationId: id, types: eventTypes.slice(0, 3) }],
  ['a session of a device, and types', { sessionId: id, deviceId: id, types: ['SessionOpened'] }],
  ['types at several installations', { types: eventTypes.slice(0, 2), installationIds: [id] }],
  ['a span of time', year],
  ['all since then', { from: '2026-01-01' }],
  ['all until then', { to: '2026-01-01' }],
  ['a cursor', { cursor: '100' }],
  ['a cursor at several installations', { installationIds: [id, newId()], cursor: '100' }],
  ['a cursor in a span of time', { cursor: '100', ...year }],
  ['a device in a span of time', { deviceId: id, ...year }],
  [
    'a device and types in a span of time',
    { deviceId: id, types: eventTypes.slice(0, 2), ...year },
  ],
  ['types in a span of time', { types: eventTypes.slice(0, 2), ...year }],
  [
    'everything',
    { installationIds: [id], deviceId: id, actorId: id, types: ['SessionOpened'], cursor: '9' },
  ],
]

/** The columns of the index that a list walks, before the position; `typed` as of the engine's `Walker`. */
export function keysOf(wanted: Wanted, typed: readonly string[]): string[] {
  const narrowest = narrowestOf(wanted)
  if (narrowest && wanted.types && typed.includes(narrowest)) return [narrowest, 'type_key']
  return ['tenant_key', narrowest ?? splitBy(wanted)].filter((column) => column !== undefined)
}

/** Of entries, which are not split. */
export function keysOfEntries(wanted: Wanted): string[] {
  return ['tenant_key', narrowestOf(wanted)].filter((column) => column !== undefined)
}

function narrowestOf({ sessionId, deviceId, actorId, installationId }: Wanted) {
  if (sessionId) return 'session_key'
  if (deviceId) return 'device_key'
  if (actorId) return 'actor_key'
  return installationId && 'installation_key'
}

/** Without such a key a list is one for each of these. */
function splitBy({ types, installationIds }: Wanted): string | undefined {
  return types ? 'type_key' : installationIds && 'installation_key'
}
