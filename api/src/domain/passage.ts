/**
 * A passage, a give-up, a denial or a gap, as an agent read it from the device's list: once. Its stream is named by the
 * row of that list, so that the same row told again is the same stream, and the log itself refuses a second fact.
 */
import { createHash } from 'node:crypto'
import type { PassageFact } from '@travessia/schemas/events'
import { idFromBytes } from '@travessia/schemas/ids'
import type { Passage } from '@travessia/schemas/passages'
import { present } from '../present.ts'
import type { Decider } from './decider.ts'

type State = { readonly isKnown: boolean }
type Intent = { readonly type: 'ReportPassage'; readonly passage: Passage }

export const passage: Decider<State, Intent, PassageFact> = {
  initialState: { isKnown: false },
  decide: (intent, { isKnown }) => (isKnown ? [] : [factOf(intent.passage)]),
  evolve: () => ({ isKnown: true }),
}

export function passageIdOf(tenantId: string, deviceId: string, key: string): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([tenantId, deviceId, key]))
    .digest()
  return idFromBytes(digest.subarray(0, 16))
}

function factOf(passage: Passage): PassageFact {
  const agentTime = new Date(passage.agentAt).toISOString()
  if (passage.outcome === 'missed') {
    const { list, count } = passage
    return { type: 'PassagesMissed', data: { list, ...present({ count }), agentTime } }
  }
  const { deviceAt, userId: deviceUserId } = passage
  const deviceTime = deviceAt === undefined ? undefined : new Date(deviceAt).toISOString()
  const common = { agentTime, ...present({ deviceTime, deviceUserId }) }
  switch (passage.outcome) {
    case 'passed': {
      const { direction, way } = passage
      return { type: 'PassageConfirmed', data: { direction, ...present({ way }), ...common } }
    }
    case 'gave-up':
      return { type: 'PassageGivenUp', data: common }
    case 'denied':
      return { type: 'PassageDenied', data: { reason: passage.reason, ...common } }
  }
}
