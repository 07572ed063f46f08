/** What an error on the way to a device says of the command: one judgement for every driver that speaks HTTP. */
import { type ErrorCode, TravessiaError } from '@travessia/schemas/errors'
import type { CommandResult } from './driver.ts'

type NothingDone = Extract<CommandResult, { detail: string }> & { outcome: 'denied' | 'failed' }

/** What a driver knows although nobody has said it: the command was not done. */
export class NotDone extends Error {
  override readonly name: string = 'NotDone'
  readonly result: NothingDone

  constructor(result: NothingDone) {
    super(result.detail)
    this.result = result
  }
}

/** The device is there and answers, but not what was asked. */
export class DeviceRefusal extends NotDone {
  override readonly name = 'DeviceRefusal'
}

const signInRefused = { outcome: 'denied', detail: 'DEVICE_SIGN_IN_REFUSED' } as const

/** Of what `DeviceFetch` throws. Nothing was sent, or nobody can tell. */
export function resultOfError(error: unknown): CommandResult {
  if (error instanceof NotDone) return error.result
  const code = codeOf(error)
  switch (code) {
    case 'COMMAND_EXPIRED':
      return { outcome: 'late' }
    case 'DEVICE_UNREACHABLE':
    case 'TARGET_FORBIDDEN':
      return { outcome: 'failed', detail: code }
    default:
      return { outcome: 'unknown', detail: code }
  }
}

/** Of a question that comes before the command: whatever became of it, the command was not sent. */
export function beforeCommand(error: unknown): unknown {
  if (resultOfError(error).outcome !== 'unknown') return error
  return new NotDone({ outcome: 'failed', detail: codeOf(error) })
}

export function codeOf(error: unknown): ErrorCode {
  return error instanceof TravessiaError ? error.code : 'DEVICE_LOST'
}

/** What the answer to a command says that is no success. @param words of the device */
export function resultOfStatus(status: number, words = ''): CommandResult {
  const detail = words || `HTTP ${status}`
  if (status >= 500) return { outcome: 'unknown', detail }
  if (isSignInRefused(status)) return signInRefused
  if (status >= 400) return { outcome: 'denied', detail }
  return { outcome: 'failed', detail: 'DEVICE_ANSWER' }
}

/** What any other answer than the one asked for says, of a question that comes before the command. */
export function refusalOf(status: number, words = ''): DeviceRefusal {
  if (isSignInRefused(status)) return new DeviceRefusal(signInRefused)
  return new DeviceRefusal(
    words === ''
      ? { outcome: 'failed', detail: 'DEVICE_ANSWER' }
      : { outcome: 'denied', detail: words },
  )
}

export function isSignInRefused(status: number): boolean {
  return status === 401 || status === 403
}
