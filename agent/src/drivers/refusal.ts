/** What an error on the way to a device says of the command: one judgement for every driver that speaks HTTP. */
import { TravessiaError } from '@travessia/schemas/errors'
import type { CommandResult } from './driver.ts'

/** The device is there and answers, but not what was asked: nothing was done. */
export class DeviceRefusal extends Error {
  override readonly name: string = 'DeviceRefusal'
}

/** Of what `DeviceFetch` throws. Nothing was sent, or nobody can tell. */
export function resultOfError(error: unknown): CommandResult {
  if (error instanceof DeviceRefusal) return { outcome: 'failed', detail: error.message }
  if (!(error instanceof TravessiaError)) return { outcome: 'unknown', detail: 'no answer' }
  switch (error.code) {
    case 'COMMAND_EXPIRED':
      return { outcome: 'late' }
    case 'DEVICE_UNREACHABLE':
    case 'TARGET_FORBIDDEN':
      return { outcome: 'failed', detail: error.code }
    default:
      return { outcome: 'unknown', detail: error.code }
  }
}
