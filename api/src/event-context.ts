import type { Actor, EventContext } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'
import { present } from './present.ts'

type Place = 'installationId' | 'deviceId' | 'agentId' | 'sessionId' | 'commandId'
type Belongings = { readonly [K in Place | 'correlationId']?: string | null | undefined }

/** What surrounds a fact; of `what` may be missing whatever is not known, and no `correlationId` means a new one. */
export function eventContext(actor: Actor, now: number, what: Belongings = {}): EventContext {
  const { installationId, deviceId, agentId, sessionId, commandId } = what
  return {
    ...{ actor, at: new Date(now).toISOString() },
    ...present({ installationId, deviceId, agentId, sessionId, commandId }),
    correlationId: what.correlationId ?? newId(),
  }
}
