/**
 * Before what cannot be taken back: a device that stands still takes a request into its kernel and acts when it wakes.
 * Only one that answers now is told.
 */
import { TravessiaError } from '@travessia/schemas/errors'
import type { CommandContext } from './driver.ts'
import { beforeCommand, codeOf } from './refusal.ts'

/** Of the time that is left to begin in; the rest is the command's own. */
const share = 0.8

/** @throws NotDone, and that the command's own time is over */
export async function look(
  context: CommandContext,
  ask: (moment: CommandContext) => Promise<unknown>,
): Promise<void> {
  const withinMs = Math.floor(Math.max(0, share * context.startWithinMs()))
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(withinMs)])
  try {
    await ask({ ...context, signal })
  } catch (error) {
    const isOver = context.startWithinMs() <= 0 || context.signal.aborted
    const isOurs = codeOf(error) === 'COMMAND_EXPIRED' && !isOver
    throw beforeCommand(isOurs ? new TravessiaError('DEVICE_TIMEOUT') : error)
  }
}
