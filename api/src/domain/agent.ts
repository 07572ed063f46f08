/** An agent: enrolled once, connected and disconnected many times, revoked for good. */

import { TravessiaError } from '@travessia/schemas/errors'
import type { AgentFact, Fact } from '@travessia/schemas/events'
import type { Decider } from './decider.ts'

export type AgentState = {
  readonly status: 'none' | 'offline' | 'online' | 'revoked'
  readonly isPaused?: boolean
}

export type AgentIntent =
  | { readonly type: 'EnrollAgent'; readonly enrolled: Fact<'AgentEnrolled'>['data'] }
  | { readonly type: 'ConnectAgent'; readonly connected: Fact<'AgentConnected'>['data'] }
  | {
      readonly type: 'DisconnectAgent'
      readonly reason: Fact<'AgentDisconnected'>['data']['reason']
    }
  | { readonly type: 'RenewAgentToken'; readonly reason: string }
  /** What its heartbeat says; the same again is no news. */
  | { readonly type: 'ReportPause'; readonly paused: Fact<'AgentPaused'>['data'] | undefined }
  | { readonly type: 'RevokeAgent'; readonly reason: string }

export const agent: Decider<AgentState, AgentIntent, AgentFact> = {
  initialState: { status: 'none' },

  decide(intent, { status, isPaused = false }) {
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
        requireEnrolled(status)
        return [{ type: 'AgentTokenRenewed', data: { reason: intent.reason } }]
      case 'ReportPause':
        return status === 'online' ? pauseFacts(isPaused, intent.paused) : []
      case 'RevokeAgent': {
        requireEnrolled(status)
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
        return { ...state, status: 'offline' }
      case 'AgentConnected':
        return { ...state, status: 'online' }
      case 'AgentRevoked':
        return { status: 'revoked' }
      case 'AgentPaused':
        return { ...state, isPaused: true }
      case 'AgentResumed':
        return { ...state, isPaused: false }
      case 'PairingCodeIssued':
      case 'AgentTokenRenewed':
        return state
    }
  },
}

function requireEnrolled(status: AgentState['status']): void {
  if (status === 'none' || status === 'revoked') throw new TravessiaError('NOT_FOUND')
}

function pauseFacts(
  isPaused: boolean,
  paused: Fact<'AgentPaused'>['data'] | undefined,
): readonly AgentFact[] {
  if (isPaused === (paused !== undefined)) return []
  return [paused ? { type: 'AgentPaused', data: paused } : { type: 'AgentResumed', data: {} }]
}
