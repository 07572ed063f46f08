/** How long a customer's audit is kept, and what a legal hold keeps longer. One stream per customer. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { Fact, RecordedEvent, RetentionFact } from '@travessia/schemas/events'
import { dayMs, minRetentionDays } from '@travessia/schemas/retention'
import type { Decider } from './decider.ts'

const maxHolds = 200

export type Hold = Fact<'LegalHoldPlaced'>['data']
export type RetentionState = {
  /** null: everything is kept. */
  readonly days: number | null
  readonly holds: readonly Hold[]
  /** Grows with every change of these two. */
  readonly revision: number
}
export type RetentionIntent =
  | { readonly type: 'ChangeRetention'; readonly days: number | null }
  | ({ readonly type: 'PlaceHold' } & Hold)
  | { readonly type: 'LiftHold'; readonly holdId: string }
  | ({ readonly type: 'Apply'; readonly revision: number } & Fact<'RetentionApplied'>['data'])

export const retention: Decider<RetentionState, RetentionIntent, RetentionFact> = {
  initialState: { days: null, holds: [], revision: 0 },

  decide(intent, { days, holds, revision }) {
    switch (intent.type) {
      case 'ChangeRetention':
        if (intent.days !== null && intent.days < minRetentionDays)
          throw new TravessiaError('MESSAGE_INVALID', { at: '/days' })
        return intent.days === days
          ? []
          : [{ type: 'RetentionChanged', data: { days: intent.days } }]
      case 'PlaceHold': {
        const { type: _, ...data } = intent
        if ((data.scope === 'all') !== (data.id === undefined) || holds.length >= maxHolds)
          throw new TravessiaError('MESSAGE_INVALID', { at: '/id' })
        return [{ type: 'LegalHoldPlaced', data }]
      }
      case 'LiftHold':
        if (!holds.some(({ holdId }) => holdId === intent.holdId))
          throw new TravessiaError('NOT_FOUND')
        return [{ type: 'LegalHoldLifted', data: { holdId: intent.holdId } }]
      case 'Apply': {
        const { type: _, revision: planned, ...data } = intent
        // A hold that came after the plan must be seen by another one.
        if (planned !== revision || data.days !== days) throw new TravessiaError('CONFLICT')
        return [{ type: 'RetentionApplied', data }]
      }
    }
  },

  evolve(state, { type, data }) {
    const revision = state.revision + 1
    switch (type) {
      case 'RetentionChanged':
        return { ...state, days: data.days, revision }
      case 'LegalHoldPlaced':
        return { ...state, holds: [...state.holds, data], revision }
      case 'LegalHoldLifted':
        return {
          ...state,
          holds: state.holds.filter((one) => one.holdId !== data.holdId),
          revision,
        }
      case 'RetentionApplied':
        return state
    }
  },
}

/** What is older expires: the beginning of the month in which the last kept day lies, so only whole closed months go. */
export function expiresBefore(now: number, days: number): string {
  const kept = new Date(now - days * dayMs)
  return new Date(Date.UTC(kept.getUTCFullYear(), kept.getUTCMonth(), 1)).toISOString()
}

export function isHeld(event: RecordedEvent, holds: readonly Hold[]): boolean {
  return holds.some(({ scope, id }) => {
    switch (scope) {
      case 'all':
        return true
      case 'installation':
        return event.installationId === id
      case 'device':
        return event.deviceId === id
      case 'user':
        return event.actor.id === id || ('userId' in event.data && event.data.userId === id)
      case 'session':
        return event.sessionId === id || event.streamId === id
    }
    return scope satisfies never
  })
}
