/** A feed of the audit into another system: added, changed, removed, and said to fail once for each time that it does. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { FeedFact } from '@travessia/schemas/events'
import type { FeedKind } from '@travessia/schemas/feeds'
import type { Decider } from './decider.ts'

type Fields = { readonly name: string; readonly kind: FeedKind; readonly host: string }
type FeedState = {
  readonly status: 'none' | 'there' | 'suspended' | 'removed'
  readonly kind?: FeedKind
}
export type FeedIntent =
  | ({ readonly type: 'AddFeed' } & Fields)
  | ({ readonly type: 'ChangeFeed'; readonly isEnabled: boolean } & Fields)
  | { readonly type: 'RemoveFeed' }
  | { readonly type: 'TestFeed' }
  | { readonly type: 'ReportFailing'; readonly errorCode: string; readonly position: number }

export const feed: Decider<FeedState, FeedIntent, FeedFact> = {
  initialState: { status: 'none' },

  decide(intent, { status, kind }) {
    if (intent.type === 'AddFeed') {
      const { type: _, ...data } = intent
      if (status !== 'none') throw new TravessiaError('CONFLICT')
      return [{ type: 'AuditFeedAdded', data }]
    }
    if (intent.type === 'ReportFailing') {
      const { errorCode, position } = intent
      return status === 'there' ? [{ type: 'AuditFeedFailing', data: { errorCode, position } }] : []
    }
    if (status === 'none' || status === 'removed') throw new TravessiaError('NOT_FOUND')
    if (intent.type === 'RemoveFeed') return [{ type: 'AuditFeedRemoved', data: {} }]
    if (intent.type === 'TestFeed') {
      if (status === 'suspended') throw new TravessiaError('CONFLICT')
      return [{ type: 'AuditFeedTested', data: {} }]
    }
    const { type: _, ...data } = intent
    // Its secret would mean something else.
    if (data.kind !== kind) throw new TravessiaError('FEED_ADDRESS')
    return [{ type: 'AuditFeedChanged', data }]
  },

  evolve(state, { type, data }) {
    switch (type) {
      case 'AuditFeedAdded':
        return { status: 'there', kind: data.kind }
      case 'AuditFeedChanged':
        return { status: data.isEnabled ? 'there' : 'suspended', kind: data.kind }
      case 'AuditFeedRemoved':
        return { ...state, status: 'removed' }
      case 'AuditFeedTested':
      case 'AuditFeedFailing':
        return state
    }
  },
}
