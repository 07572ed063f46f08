/** How sentences of the audit end. */
import { type ErrorCode, errorText, isErrorCode } from '@travessia/schemas/errors'
import type { Text } from './command-sentences.ts'

export function withReason([pt, en]: Text, reason: string): Text {
  return reason === '' ? [pt, en] : [`${pt}, motivo: ${reason}`, `${en}, reason: ${reason}`]
}

export function withError([pt, en]: Text, errorCode: string): Text {
  if (!isErrorCode(errorCode)) return [`${pt}: ${errorCode}`, `${en}: ${errorCode}`]
  const code: ErrorCode = errorCode
  return [`${pt}: ${errorText(code, 'pt-BR')}`, `${en}: ${errorText(code, 'en')}`]
}
