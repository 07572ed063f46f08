/**
 * A device command: perhaps held for a second person, issued, perhaps delivered and started, then exactly one terminal fact. What is
 * learned after that is `CommandOutcomeLearned`, never a second end. The agent's reports may come
 * twice, late or out of order; a stale one yields nothing.
 */

import type { CommandStatus } from '@travessia/schemas/commands'
import { isTerminal } from '@travessia/schemas/commands'
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import type { CommandFact, Fact } from '@travessia/schemas/events'
import type { CommandReport } from '@travessia/schemas/reports'
import { present } from '../present.ts'
import { mayApprove, reject, type Waiting } from './approval.ts'
import type { Decider } from './decider.ts'

/** How long after its expiry a command that may have reached the agent waits for the report. */
export const outcomeGraceMs = 20_000

export type CommandState =
  | { readonly status: 'none' }
  | {
      readonly status: CommandStatus
      readonly expiresAt: number
      readonly outcome?: string
      readonly percent?: number
      /** It needs, or needed, a second person. */
      readonly waiting?: Waiting
    }

/** Nothing was heard in time. `handedOver`: it may have reached the agent. */
export type Silence = { readonly now: number; readonly handedOver: boolean }

export type CommandIntent =
  | {
      readonly type: 'IssueCommand'
      readonly issued: Fact<'CommandIssued'>['data']
      /** Refused at once, in the same append: the agent is offline, or the tap came late. */
      readonly refusal?: ErrorCode
    }
  | {
      readonly type: 'HoldCommand'
      readonly held: Fact<'CommandHeld'>['data']
      readonly refusal?: ErrorCode
    }
  | {
      readonly type: 'ApproveCommand'
      readonly userId: string
      readonly now: number
      readonly issued: Fact<'CommandIssued'>['data']
      readonly refusal?: ErrorCode
    }
  | { readonly type: 'RejectCommand'; readonly now: number }
  /** Nobody decided in time. */
  | { readonly type: 'LapseCommand'; readonly now: number }
  | { readonly type: 'ReportCommand'; readonly report: CommandReport }
  | ({ readonly type: 'GiveUpCommand' } & Silence)

export const command: Decider<CommandState, CommandIntent, CommandFact> = {
  initialState: { status: 'none' },

  decide(intent, state) {
    switch (intent.type) {
      case 'IssueCommand': {
        if (state.status !== 'none') throw new TravessiaError('CONFLICT')
        return orRefused({ type: 'CommandIssued', data: intent.issued }, intent.refusal)
      }
      case 'HoldCommand': {
        if (state.status !== 'none') throw new TravessiaError('CONFLICT')
        return orRefused({ type: 'CommandHeld', data: intent.held }, intent.refusal)
      }
      case 'ReportCommand':
        return isSent(state) ? report(intent.report, state) : []
      case 'GiveUpCommand':
        return isSent(state) && !isTerminal(state.status) ? giveUp(intent, state) : []
      default:
        return decideWaiting(intent, state)
    }
  },

  evolve(state, fact) {
    switch (fact.type) {
      case 'CommandHeld': {
        const lapsesAt = Date.parse(fact.data.lapsesAt)
        const waiting = { requestedBy: fact.data.requestedBy, lapsesAt }
        return { status: 'awaiting', expiresAt: lapsesAt, waiting }
      }
      case 'CommandApproved':
        return endWaiting(state, 'approved')
      case 'CommandRejected':
        return move(endWaiting(state, 'rejected'), 'refused')
      case 'CommandLapsed':
        return move(endWaiting(state, 'lapsed'), 'expired')
      case 'CommandIssued':
        return { ...state, status: 'issued', expiresAt: Date.parse(fact.data.expiresAt) }
      case 'CommandDelivered':
        return move(state, 'delivered')
      case 'CommandStarted':
        return move(state, 'running')
      case 'CommandProgressed':
        return state.status === 'none' ? state : { ...state, percent: fact.data.percent }
      case 'CommandSucceeded':
        return move(state, 'succeeded')
      case 'CommandFailed':
        return move(state, 'failed')
      case 'CommandRefused':
        return move(state, 'refused')
      case 'CommandExpired':
        return move(state, 'expired')
      case 'CommandUnknown':
        return move(state, 'unknown')
      case 'CommandOutcomeLearned':
        return state.status === 'none' ? state : { ...state, outcome: fact.data.outcome }
    }
  },
}

function move(state: CommandState, status: CommandStatus): CommandState {
  return state.status === 'none' ? state : { ...state, status }
}

function endWaiting(state: CommandState, end: NonNullable<Waiting['end']>): CommandState {
  const isWaiting = state.status !== 'none' && state.waiting
  return isWaiting ? { ...state, waiting: { ...state.waiting, end } } : state
}

function orRefused(fact: CommandFact, refusal: ErrorCode | undefined): CommandFact[] {
  if (!refusal) return [fact]
  const type = refusal === 'COMMAND_EXPIRED' ? 'CommandExpired' : 'CommandRefused'
  return [fact, { type, data: { errorCode: refusal } }]
}

function decideWaiting(
  intent: Extract<CommandIntent, { type: 'ApproveCommand' | 'RejectCommand' | 'LapseCommand' }>,
  state: CommandState,
): CommandFact[] {
  const waiting = state.status === 'none' ? undefined : state.waiting
  const isOver = state.status !== 'awaiting'
  switch (intent.type) {
    case 'ApproveCommand': {
      if (!mayApprove(waiting, { ...intent, isOver })) return []
      const issued = orRefused({ type: 'CommandIssued', data: intent.issued }, intent.refusal)
      return [{ type: 'CommandApproved', data: {} }, ...issued]
    }
    case 'RejectCommand':
      return reject(waiting, { now: intent.now, isOver })
    case 'LapseCommand':
      return !isOver && waiting && intent.now >= waiting.lapsesAt
        ? [{ type: 'CommandLapsed', data: {} }]
        : []
  }
}

type Issued = Exclude<CommandState, { status: 'none' }>

/** An agent may have heard of it: no agent ever does of what was not approved. */
function isSent(state: CommandState): state is Issued {
  return state.status !== 'none' && (!state.waiting || state.waiting.end === 'approved')
}

function report(report: CommandReport, state: Issued): CommandFact[] {
  if (isTerminal(state.status)) return learn(report, state)
  const agentTime = new Date(report.at).toISOString()
  switch (report.status) {
    case 'delivered':
      return state.status === 'issued' ? [{ type: 'CommandDelivered', data: { agentTime } }] : []
    case 'running':
      return state.status === 'running'
        ? progress(report.percent ?? 0, state, agentTime)
        : [{ type: 'CommandStarted', data: { agentTime } }]
    default:
      return [terminal(report, agentTime)]
  }
}

/** At most nine facts of one command, whatever its agent says. */
function progress(percent: number, state: Issued, agentTime: string): CommandFact[] {
  const isStep = Math.floor(percent / 10) > Math.floor((state.percent ?? 0) / 10)
  return isStep ? [{ type: 'CommandProgressed', data: { percent, agentTime } }] : []
}

function terminal(report: CommandReport, agentTime: string): CommandFact {
  const errorCode = report.errorCode ?? 'INTERNAL'
  const detail = present({ detail: report.detail })
  switch (report.status) {
    case 'succeeded': {
      const { confirmed = false, durationMs, file } = report
      const data = { confirmed, agentTime, ...present({ durationMs, file }) }
      return { type: 'CommandSucceeded', data }
    }
    case 'failed':
      return { type: 'CommandFailed', data: { errorCode, ...detail, agentTime } }
    case 'refused':
      return { type: 'CommandRefused', data: { errorCode, ...detail, agentTime } }
    case 'expired':
      return { type: 'CommandExpired', data: { errorCode: 'COMMAND_EXPIRED', agentTime } }
    default:
      return { type: 'CommandUnknown', data: { errorCode: 'COMMAND_UNKNOWN', ...detail } }
  }
}

/** After the end, only a terminal report that says something else is worth a fact, once. */
function learn(report: CommandReport, state: Issued): CommandFact[] {
  const known = state.outcome ?? state.status
  if (report.status === 'delivered' || report.status === 'running' || report.status === known)
    return []
  const { status: outcome, confirmed, errorCode } = report
  const agentTime = new Date(report.at).toISOString()
  const data = { outcome, ...present({ confirmed, errorCode }), agentTime }
  return [{ type: 'CommandOutcomeLearned', data }]
}

function giveUp(
  { now, handedOver }: Extract<CommandIntent, { type: 'GiveUpCommand' }>,
  state: Issued,
): CommandFact[] {
  const reachedAgent = handedOver || state.status !== 'issued'
  if (!reachedAgent && now >= state.expiresAt) {
    return [{ type: 'CommandExpired', data: { errorCode: 'COMMAND_EXPIRED' } }]
  }
  if (reachedAgent && now >= state.expiresAt + outcomeGraceMs) {
    return [{ type: 'CommandUnknown', data: { errorCode: 'COMMAND_UNKNOWN' } }]
  }
  return []
}
