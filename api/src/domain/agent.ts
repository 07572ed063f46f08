/** An agent: enrolled once, connected and disconnected many times, revoked for good. */

import { TravessiaError } from '@travessia/schemas/errors'
import type { AgentFact, Fact } from '@travessia/schemas/events'
import type { Decider } from './decider.ts'

export type AgentState = { readonly status: 'none' | 'offline' | 'online' | 'revoked' }

export type AgentIntent =
  | { readonly type: 'EnrollAgent'; readonly enrolled: Fact<'AgentEnrolled'>['data'] }
  | { readonly type: 'ConnectAgent'; readonly connected: Fact<'AgentConnected'>['data'] }
  | {
      readonly type: 'DisconnectAgent'
      readonly reason: Fact<'AgentDisconnected'>['data']['reason']
    }
  | { readonly type: 'RenewAgentToken'; readonly reason: string }
  | { readonly type: 'RevokeAgent'; readonly reason: string }

export const agent: Decider<AgentState, AgentIntent, AgentFact> = {
  initialState: { status: 'none' },

  decide(intent, { status }) {
    switch (intent.type) {
      case 'EnrollAgent':
        if (status !== 'none') throw new TravessiaError('CONFLICT')
        return [{ type: 'AgentEnrolled', data: intent.enrolled }]
      case 'ConnectAgent':
        return status === 'offline' ? [{ type: 'AgentConnected', data: intent.connected }] : []
      case 'DisconnectAgent':
        return status === 'online'
          ? [{ type: 'AgentDisconnected', data: { reason: intent.reason } }]
          : []
      case 'RenewAgentToken':
        if (status === 'none' || status === 'revoked') throw new TravessiaError('NOT_FOUND')
        return [{ type: 'AgentTokenRenewed', data: { reason: intent.reason } }]
      case 'RevokeAgent': {
        if (status === 'none' || status === 'revoked') throw new TravessiaError('NOT_FOUND')
        const revoked: AgentFact = { type: 'AgentRevoked', data: { reason: intent.reason } }
        return status === 'online'
          ? [{ type: 'AgentDisconnected', data: { reason: 'revoked' } }, revoked]
          : [revoked]
      }
    }
  },

  evolve(state, fact) {
    switch (fact.type) {
      case 'AgentEnrolled':
      case 'AgentDisconnected':
        return { status: 'offline' }
      case 'AgentConnected':
        return { status: 'online' }
      case 'AgentRevoked':
        return { status: 'revoked' }
      case 'PairingCodeIssued':
      case 'AgentTokenRenewed':
        return state
    }
  },
}
