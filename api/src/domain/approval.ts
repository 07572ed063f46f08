/**
 * The two-person rule: which commands wait for a second person, and who ends the waiting. The rule holds as it was
 * when the command was asked for; time counts from the approval, so nothing late ever runs.
 */
import { urgentCommands } from '@travessia/schemas/command-lives'
import type { CommandName, Safety } from '@travessia/schemas/commands'
import { TravessiaError } from '@travessia/schemas/errors'
import type { CommandFact } from '@travessia/schemas/events'
import type { SecondPerson } from '@travessia/schemas/second-person'

/** How long a command waits for its second person. */
export const approvalMs = 5 * 60_000
/** What is waited for on one device; more is refused. */
export const maxAwaiting = 10

export type Waiting = {
  readonly requestedBy: string
  readonly lapsesAt: number
  readonly end?: 'approved' | 'rejected' | 'lapsed'
}

export function needsSecondPerson(
  { safety, deviceIds }: SecondPerson,
  {
    command,
    safety: of,
    deviceId,
  }: { readonly command: CommandName; readonly safety: Safety; readonly deviceId: string },
): boolean {
  if (urgentCommands.has(command)) return false
  const held: readonly string[] = safety
  return held.includes(of) || deviceIds.includes(deviceId)
}

/**
 * @returns false: it was approved before
 * @throws TravessiaError APPROVAL_BY_REQUESTER, APPROVAL_REJECTED, APPROVAL_LAPSED, CONFLICT: it does not wait
 */
export function mayApprove(
  waiting: Waiting | undefined,
  { userId, now, isOver }: { userId: string; now: number; isOver: boolean },
): boolean {
  if (waiting?.requestedBy === userId) throw new TravessiaError('APPROVAL_BY_REQUESTER')
  if (waiting?.end === 'approved') return false
  requireWaiting(waiting, { now, isOver })
  return true
}

/** Whoever asked may take it back. @throws TravessiaError as `mayApprove`; CONFLICT: it was approved */
export function reject(
  waiting: Waiting | undefined,
  { now, isOver }: { now: number; isOver: boolean },
): CommandFact[] {
  if (waiting?.end === 'rejected') return []
  requireWaiting(waiting, { now, isOver })
  return [{ type: 'CommandRejected', data: {} }]
}

function requireWaiting(
  waiting: Waiting | undefined,
  { now, isOver }: { now: number; isOver: boolean },
): void {
  if (waiting?.end === 'rejected') throw new TravessiaError('APPROVAL_REJECTED')
  if (waiting?.end === 'lapsed') throw new TravessiaError('APPROVAL_LAPSED')
  if (!waiting || isOver) throw new TravessiaError('CONFLICT')
  if (now >= waiting.lapsesAt) throw new TravessiaError('APPROVAL_LAPSED')
}
