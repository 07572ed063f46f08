/** How a command ends, as the agent reports it. */
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import type { CommandReport } from '@travessia/schemas/reports'
import type { CommandResult } from './drivers/driver.ts'

export type Ending = Omit<CommandReport, 'kind' | 'commandId' | 'at'>

export const stopped: Ending = { status: 'failed', errorCode: 'AGENT_OFFLINE' }
/** By an urgent one, before it began. */
export const overtaken: Ending = { status: 'refused', errorCode: 'COMMAND_OVERTAKEN' }
export const expired: Ending = { status: 'expired', errorCode: 'COMMAND_EXPIRED' }

export function refused(errorCode: ErrorCode, detail?: string): Ending {
  return { status: 'refused', errorCode, ...(detail === undefined ? {} : { detail }) }
}

/** The device was told nothing. */
export function endingOfFetch(error: unknown): Ending {
  if (!(error instanceof TravessiaError)) throw error
  const { code, details } = error
  if (code === 'TUNNEL_BUSY') return refused(code)
  return { status: 'failed', errorCode: code, detail: String(details['problem']) }
}

/** What a driver's result means for the command. */
export function endingOf(result: CommandResult, durationMs: number): Ending {
  const file = 'file' in result && result.file !== undefined ? { file: result.file } : {}
  const took = { durationMs: Math.round(durationMs), ...file }
  switch (result.outcome) {
    case 'accepted':
      return { status: 'succeeded', confirmed: false, ...took }
    case 'confirmed':
      return { status: 'succeeded', confirmed: true, ...took }
    case 'denied':
      return refused('COMMAND_REFUSED', result.detail)
    case 'unsupported':
      return refused('COMMAND_UNSUPPORTED', result.detail)
    case 'late':
      return expired
    case 'failed':
      return { status: 'failed', errorCode: result.detail, detail: result.detail, ...took }
    case 'unknown':
      return { status: 'unknown', errorCode: 'COMMAND_UNKNOWN', detail: result.detail, ...took }
  }
}
