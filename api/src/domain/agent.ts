/** An agent: enrolled once, connected and disconnected many times, revoked for good. */

import { TravessiaError } from '@travessia/schemas/errors'
import type { AgentFact, Fact } from '@travessia/schemas/events'
import type { Decider } from './decider.ts'

const discoveryPauseMs = 30_000

export type AgentState = {
  readonly status: 'none' | 'offline' | 'online' | 'revoked'
  readonly isPaused?: boolean
  /** What it does not confirm, and why: said once. */
  readonly refusal?: string
  /** The last one; `againAt` in ms since 1970. */
  readonly discovery?: { readonly id: string; readonly isOpen: boolean; readonly againAt: number }
}

export type AgentIntent =
  | {
      readonly type: 'EnrollAgent'
      readonly enrolled: Fact<'AgentEnrolled'>['data']
      readonly stated?: Fact<'AgentPolicyStated'>['data']
    }
  | { readonly type: 'ConnectAgent'; readonly connected: Fact<'AgentConnected'>['data'] }
  | {
      readonly type: 'DisconnectAgent'
      readonly reason: Fact<'AgentDisconnected'>['data']['reason']
    }
  | { readonly type: 'RenewAgentToken'; readonly reason: string }
  /** What its heartbeat says; the same again is no news. */
  | { readonly type: 'ReportPause'; readonly paused: Fact<'AgentPaused'>['data'] | undefined }
  /** The same again is no news. */
  | { readonly type: 'ReportRefusal'; readonly refused: Fact<'WitnessRefused'>['data'] }
  | { readonly type: 'RevokeAgent'; readonly reason: string }
  | { readonly type: 'RequestDiscovery'; readonly discoveryId: string; readonly now: number }
  /** What the agent says, or that it said nothing. */
  | { readonly type: 'FinishDiscovery'; readonly finished: Fact<'DiscoveryFinished'>['data'] }

export const agent: Decider<AgentState, AgentIntent, AgentFact> = {
  initialState: { status: 'none' },

  decide(intent, { status, isPaused = false, discovery, refusal }) {
    switch (intent.type) {
      case 'EnrollAgent':
        if (status !== 'none') throw new TravessiaError('CONFLICT')
        return enrolment(intent)
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
      case 'ReportRefusal':
        requireEnrolled(status)
        return refusal === refusalOf(intent.refused)
          ? []
          : [{ type: 'WitnessRefused', data: intent.refused }]
      case 'RevokeAgent':
        requireEnrolled(status)
        return revocation(intent.reason, status === 'online')
      case 'RequestDiscovery':
        requireEnrolled(status)
        return [discoveryFact(intent, discovery?.againAt ?? 0)]
      case 'FinishDiscovery': {
        const isOpen = discovery?.isOpen && discovery.id === intent.finished.discoveryId
        return isOpen ? [{ type: 'DiscoveryFinished', data: intent.finished }] : []
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
      case 'WitnessRefused':
        return { ...state, refusal: refusalOf(fact.data) }
      case 'AgentResumed':
        return { ...state, isPaused: false }
      case 'DiscoveryRequested': {
        const { discoveryId: id, againAt } = fact.data
        return { ...state, discovery: { id, isOpen: true, againAt: Date.parse(againAt) } }
      }
      case 'DiscoveryFinished':
        return state.discovery
          ? { ...state, discovery: { ...state.discovery, isOpen: false } }
          : state
      case 'PairingCodeIssued':
      case 'AgentPolicyStated':
      case 'AgentTokenRenewed':
        return state
    }
  },
}

/** What was shown grows with each event, this one included. */
function refusalOf({ reason, keptSize }: Fact<'WitnessRefused'>['data']): string {
  return `${reason} ${keptSize}`
}

function requireEnrolled(status: AgentState['status']): void {
  if (status === 'none' || status === 'revoked') throw new TravessiaError('NOT_FOUND')
}

function enrolment({
  enrolled,
  stated,
}: Extract<AgentIntent, { type: 'EnrollAgent' }>): readonly AgentFact[] {
  const fact: AgentFact = { type: 'AgentEnrolled', data: enrolled }
  return stated ? [fact, { type: 'AgentPolicyStated', data: stated }] : [fact]
}

function revocation(reason: string, isOnline: boolean): readonly AgentFact[] {
  const revoked: AgentFact = { type: 'AgentRevoked', data: { reason } }
  return isOnline
    ? [{ type: 'AgentDisconnected', data: { reason: 'revoked' } }, revoked]
    : [revoked]
}

function pauseFacts(
  isPaused: boolean,
  paused: Fact<'AgentPaused'>['data'] | undefined,
): readonly AgentFact[] {
  if (isPaused === (paused !== undefined)) return []
  return [paused ? { type: 'AgentPaused', data: paused } : { type: 'AgentResumed', data: {} }]
}

/** A search takes a few seconds, so this pause also means: one at a time. @throws TravessiaError RATE_LIMITED */
function discoveryFact(
  { discoveryId, now }: { readonly discoveryId: string; readonly now: number },
  againAt: number,
): AgentFact {
  if (now < againAt)
    throw new TravessiaError('RATE_LIMITED', {
      retryAfterSeconds: Math.ceil((againAt - now) / 1000),
    })
  const next = new Date(now + discoveryPauseMs).toISOString()
  return { type: 'DiscoveryRequested', data: { discoveryId, againAt: next } }
}
