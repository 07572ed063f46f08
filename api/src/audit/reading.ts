/** Events as people read them: with names and a sentence. */
import type { AuditEvent } from '@travessia/schemas/api'
import type { Language } from '@travessia/schemas/errors'
import type { RecordedEvent } from '@travessia/schemas/events'
import type { Users } from '../identity/users.ts'
import type { Views } from '../views/views.ts'
import type { EventNames } from './phrases.ts'
import { sentenceOf } from './sentences.ts'

export type ReadingDeps = {
  readonly views: Pick<Views, 'agents' | 'devices' | 'installations'>
  readonly users: Users
}

export async function readEvents(
  deps: ReadingDeps,
  events: readonly RecordedEvent[],
  language: Language,
): Promise<AuditEvent[]> {
  return Promise.all(events.map((event) => readEvent(deps, event, language)))
}

export async function readEvent(
  deps: ReadingDeps,
  event: RecordedEvent,
  language: Language,
): Promise<AuditEvent> {
  const names = await namesOf(deps, event, language)
  const { position, logIndex, id, type, at, streamId, version, actor, correlationId } = event
  const { installationId, deviceId, agentId, sessionId, commandId } = event
  const places = { installationId, deviceId, agentId, sessionId, commandId }
  return {
    ...{ position, logIndex, id, type, at, streamId, version, correlationId },
    actor: { ...actor, name: names.actor },
    ...(Object.fromEntries(
      Object.entries(places).filter(([, value]) => value !== undefined),
    ) as Partial<AuditEvent>),
    summary: sentenceOf(event, names, language),
    data: { ...event.data },
  }
}

async function namesOf(
  { views, users }: ReadingDeps,
  event: RecordedEvent,
  language: Language,
): Promise<EventNames> {
  const { actor, tenantId, installationId, streamKind, streamId, data } = event
  const deviceId = event.deviceId ?? (streamKind === 'device' ? streamId : undefined)
  const placeId = installationId ?? (streamKind === 'installation' ? streamId : undefined)
  const device =
    deviceId === undefined ? undefined : await views.devices.described(tenantId, deviceId)
  const installation =
    placeId === undefined ? undefined : await views.installations.get(tenantId, placeId)
  const subjectId = 'userId' in data ? data.userId : undefined
  return {
    actor: actor.type === 'user' ? users.nameOf(actor.id, language) : actorTitle(actor.type),
    device: device?.name ?? deviceId ?? '',
    driver: device?.driver ?? '',
    installation: installation?.name ?? placeId ?? '',
    subject: subjectId === undefined ? '?' : users.nameOf(subjectId, language),
  }
}

function actorTitle(type: 'agent' | 'system'): string {
  return type === 'agent' ? 'Agente' : 'Travessia'
}
