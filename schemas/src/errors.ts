/**
 * The one table of error codes: HTTP status, whether a retry may help, and the English and pt-BR
 * sentence shown to people, grouped by what they are about. Codes are stable once released;
 * `docs/errors.md` is generated from here.
 */
import { agents } from './errors/agents.ts'
import { commands } from './errors/commands.ts'
import { devices } from './errors/devices.ts'
import { node } from './errors/node.ts'
import { requests } from './errors/requests.ts'
import { sessions } from './errors/sessions.ts'

export const errorTable = {
  ...requests,
  ...agents,
  ...devices,
  ...sessions,
  ...commands,
  ...node,
}

export type ErrorCode = keyof typeof errorTable
export type Language = 'pt-BR' | 'en'

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorTable, value)
}

/** The sentence of a code in the reader's language. */
export function errorText(code: ErrorCode, language: Language): string {
  return language === 'en' ? errorTable[code].en : errorTable[code].pt
}

/** The one error of Travessia. `details` are for logs and problem bodies: no secrets, no user text in `code`. */
export class TravessiaError extends Error {
  override readonly name = 'TravessiaError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(errorTable[code].en, options)
    this.code = code
    this.details = details
  }

  get status(): number {
    return errorTable[this.code].status
  }
}
