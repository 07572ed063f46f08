/**
 * A remote session: opened for a while, extended at most to four hours in all, ended exactly once.
 * Requests may be forwarded only while it is open; the end of a request that was under way is still a fact.
 */

import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import type { Fact, SessionFact } from '@travessia/schemas/events'
import type { Decider } from './decider.ts'

export const defaultTtlSeconds = 600
export const maxSessionSeconds = 4 * 3600
/** Of extensions by ten minutes there are fewer; a repetition of an older one counts again. */
const maxExtensionKeys = 32

export type SessionState =
  | { readonly status: 'none' }
  | {
      readonly status: 'open'
      readonly expiresAt: number
      readonly endsAtLatest: number
      readonly hasUsedCredentials: boolean
      /** Of the newest extensions. */
      readonly extensionKeys: readonly string[]
    }
  | { readonly status: 'ended' }

type Data<T extends SessionFact['type']> = Fact<T>['data']
type Totals = Data<'SessionClosed'>['totals']

export type SessionIntent =
  | ({
      readonly type: 'OpenSession'
      readonly now: number
      /** Why it must be refused although the user may ask (agent offline, …). */
      readonly refusal?: ErrorCode
      readonly recordingLevel: string
      readonly targetOrigin: string
    } & Data<'SessionRequested'>)
  | {
      readonly type: 'ExtendSession'
      readonly now: number
      /** From now on; absent: ten minutes more than it has. */
      readonly ttlSeconds?: number | undefined
      /** The same once more is no second extension. */
      readonly idempotencyKey?: string | undefined
    }
  | {
      readonly type: 'EndSession'
      readonly how: 'SessionClosed' | 'SessionExpired' | 'SessionRevoked'
      readonly reason: string
      readonly totals: Totals
    }
  /** The agent signs its requests in: said once. */
  | { readonly type: 'UseCredentials'; readonly now: number }
  | {
      readonly type: 'ForwardRequest'
      readonly now: number
      readonly request: Data<'HttpRequestForwarded'>
    }
  | {
      readonly type: 'OpenWebSocket'
      readonly now: number
      readonly request: Data<'WebSocketOpened'>
    }

export type Extension = Omit<Extract<SessionIntent, { type: 'ExtendSession' }>, 'type' | 'now'>

export const session: Decider<SessionState, SessionIntent, SessionFact> = {
  initialState: { status: 'none' },

  decide(intent, state) {
    switch (intent.type) {
      case 'OpenSession':
        return open(intent)
      case 'ExtendSession':
        return extend(state, intent)
      case 'EndSession':
        if (state.status !== 'open') return []
        return [{ type: intent.how, data: { reason: intent.reason, totals: intent.totals } }]
      case 'UseCredentials':
        return requireOpen(state, intent.now).hasUsedCredentials
          ? []
          : [{ type: 'DeviceCredentialsUsed', data: {} }]
      case 'ForwardRequest':
        requireOpen(state, intent.now)
        return [{ type: 'HttpRequestForwarded', data: intent.request }]
      case 'OpenWebSocket':
        requireOpen(state, intent.now)
        return [{ type: 'WebSocketOpened', data: intent.request }]
    }
  },

  evolve(state, fact) {
    switch (fact.type) {
      case 'SessionOpened':
        return {
          status: 'open',
          expiresAt: Date.parse(fact.data.expiresAt),
          endsAtLatest: Date.parse(fact.data.endsAtLatest),
          hasUsedCredentials: false,
          extensionKeys: [],
        }
      case 'SessionExtended':
        return state.status === 'open' ? extended(state, fact.data) : state
      case 'DeviceCredentialsUsed':
        return state.status === 'open' ? { ...state, hasUsedCredentials: true } : state
      case 'SessionDenied':
      case 'SessionClosed':
      case 'SessionExpired':
      case 'SessionRevoked':
        return { status: 'ended' }
      case 'SessionRequested':
      case 'SessionAttempted':
      case 'DomRecordingStored':
      case 'RecordingGapDetected':
      case 'HttpRequestForwarded':
      case 'HttpRequestRefused':
      case 'HttpResponseReceived':
      case 'HttpExchangeFailed':
      case 'WebSocketOpened':
      case 'WebSocketClosed':
        return state
    }
  },
}

function open(intent: Extract<SessionIntent, { type: 'OpenSession' }>): SessionFact[] {
  const { purpose, ttlSeconds, mode, access = 'full', clientIp, userAgent, now, refusal } = intent
  const requested: SessionFact = {
    type: 'SessionRequested',
    data: { purpose, ttlSeconds, mode, access, clientIp, userAgent },
  }
  if (refusal) return [requested, { type: 'SessionDenied', data: { errorCode: refusal } }]
  const endsAtLatest = now + maxSessionSeconds * 1000
  return [
    requested,
    {
      type: 'SessionOpened',
      data: {
        expiresAt: isoTime(Math.min(now + ttlSeconds * 1000, endsAtLatest)),
        endsAtLatest: isoTime(endsAtLatest),
        ...{ mode, access },
        recordingLevel: intent.recordingLevel,
        targetOrigin: intent.targetOrigin,
      },
    },
  ]
}

function extend(
  state: SessionState,
  { now, ttlSeconds, idempotencyKey }: Extract<SessionIntent, { type: 'ExtendSession' }>,
): SessionFact[] {
  const { expiresAt, endsAtLatest, extensionKeys } = requireOpen(state, now)
  if (idempotencyKey !== undefined && extensionKeys.includes(idempotencyKey)) return []
  if (expiresAt >= endsAtLatest) throw new TravessiaError('SESSION_LIMIT')
  const wanted =
    ttlSeconds === undefined ? expiresAt + defaultTtlSeconds * 1000 : now + ttlSeconds * 1000
  const granted = Math.min(Math.max(expiresAt, wanted), endsAtLatest)
  const key = idempotencyKey === undefined ? {} : { idempotencyKey }
  return [{ type: 'SessionExtended', data: { expiresAt: isoTime(granted), ...key } }]
}

function extended(
  state: Extract<SessionState, { status: 'open' }>,
  { expiresAt, idempotencyKey: key }: Data<'SessionExtended'>,
): SessionState {
  const keys = key === undefined ? state.extensionKeys : [...state.extensionKeys, key]
  const extensionKeys = keys.slice(-maxExtensionKeys)
  return { ...state, expiresAt: Date.parse(expiresAt), extensionKeys }
}

function requireOpen(state: SessionState, now: number): Extract<SessionState, { status: 'open' }> {
  if (state.status !== 'open' || now >= state.expiresAt) throw new TravessiaError('SESSION_ENDED')
  return state
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
