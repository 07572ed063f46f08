/** Words for codes: errors, roles, kinds, states. The server's title is already in the reader's language. */
import type { AgentState, CommandState, Device, Session, User } from '@travessia/schemas/api'
import { ApiError, noNetwork } from './api.ts'
import { m } from './paraglide/messages.js'

export function errorSentence(error: unknown): string {
  if (!(error instanceof ApiError)) return m.error_unexpected()
  if (error.code === noNetwork) return m.error_no_network()
  return error.problem.title || m.error_unexpected()
}

/** Brand and line of the device, as people know it; the kind when only its page is known. */
export function makeOf({ driver, kind }: Pick<Device, 'driver' | 'kind'>): string {
  return driver === 'control-id' ? 'Control iD' : kindText[kind]()
}

export function sizeText(bytes: number, locale: string): string {
  const isSmall = bytes < 1_000
  const value = isSmall ? bytes : bytes / 1_000
  return `${value.toLocaleString(locale, { maximumFractionDigits: 1 })} ${isSmall ? 'B' : 'kB'}`
}

export const agentStatusText: Record<AgentState['status'], () => string> = {
  ONLINE: m.status_online,
  OFFLINE: m.status_offline,
  PAIRING: m.status_pairing,
}

export const roleText: Record<User['role'], () => string> = {
  admin: m.role_admin,
  manager: m.role_manager,
  operator: m.role_operator,
  auditor: m.role_auditor,
}

export const kindText: Record<Device['kind'], () => string> = {
  turnstile: m.kind_turnstile,
  printer: m.kind_printer,
  camera: m.kind_camera,
  system: m.kind_system,
  http: m.kind_http,
}

export const directionText: Readonly<Record<string, () => string>> = {
  clockwise: m.gate_clockwise,
  anticlockwise: m.gate_anticlockwise,
  both: m.gate_both,
}

export const commandStatusText: Record<CommandState['status'], () => string> = {
  issued: m.command_issued,
  delivered: m.command_delivered,
  running: m.command_running,
  succeeded: m.command_succeeded,
  failed: m.command_failed,
  refused: m.command_refused,
  expired: m.command_expired,
  unknown: m.command_unknown,
}

export const sessionStatusText: Record<Session['status'], () => string> = {
  ACTIVE: m.session_active,
  EXPIRED: m.session_expired,
  CLOSED: m.session_closed,
  REVOKED: m.session_revoked,
  DENIED: m.session_denied,
}
