/** What sentences of the audit have in common: whom they name, how they count, and how they end. */
import { type ErrorCode, errorText, isErrorCode } from '@travessia/schemas/errors'

export type Text = readonly [pt: string, en: string]

/** Names of what an event mentions, as they are now. */
export type EventNames = {
  readonly actor: string
  readonly device: string
  readonly driver: string
  readonly installation: string
  /** Person that the event is about, when that is not the actor. */
  readonly subject: string
}

/** `1 byte`, `2 bytes`: where the plural only adds a letter. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

export function withReason([pt, en]: Text, reason: string): Text {
  return reason === '' ? [pt, en] : [`${pt}, motivo: ${reason}`, `${en}, reason: ${reason}`]
}

export function withError([pt, en]: Text, errorCode: string): Text {
  if (!isErrorCode(errorCode)) return [`${pt}: ${errorCode}`, `${en}: ${errorCode}`]
  const code: ErrorCode = errorCode
  return [`${pt}: ${errorText(code, 'pt-BR')}`, `${en}: ${errorText(code, 'en')}`]
}
